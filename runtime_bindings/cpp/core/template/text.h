#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mmoe::jinja {

// Where a byte of a text came from: the template and the names that belong to it, or what users and tools
// wrote.
enum class Origin : char { kTemplate, kData };

struct Span {
  size_t begin;
  size_t end;
  Origin origin;
};

// UTF-8 of which every byte knows its origin, through concatenation, slices, replacements and filters:
// special tokens are looked for in what the template wrote, never in what it was given.
class Text {
 public:
  Text() = default;
  explicit Text(std::string bytes, Origin origin = Origin::kTemplate);

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  Origin OriginAt(size_t at) const { return origins_.empty() ? Origin::kTemplate : Origin{origins_[at]}; }

  // Jinja's Markup: text that was declared safe; what is added to it is escaped.
  bool markup() const { return markup_; }
  void set_markup(bool markup) { markup_ = markup; }

  void Append(std::string_view bytes, Origin origin = Origin::kTemplate);
  void Append(const Text& text) { AppendPart(text, 0, text.size()); }
  void AppendPart(const Text& text, size_t begin, size_t end);
  Text Part(size_t begin, size_t end) const;
  Text Joined(const Text& text) const;  // this one with `text` behind it
  // `bytes` in the place of the character at `at`, as a change of case makes it.
  void AppendLike(const Text& text, size_t at, std::string_view bytes) { Append(bytes, text.OriginAt(at)); }

  std::vector<Span> Spans() const;

 private:
  std::string bytes_;
  std::string origins_;  // one per byte; empty while all of it is the template's
  bool markup_ = false;
};

// Characters (code points), which Python counts in.
size_t CountCharacters(std::string_view text);
// Where each character begins, and the end.
std::vector<size_t> CharacterOffsets(std::string_view text);

// As std::string::find and rfind, but in linear time whatever is looked for. From the end, `wanted` may have
// no more than 64 bytes.
size_t FindBytes(std::string_view text, std::string_view wanted, size_t from);
size_t FindBytesFromEnd(std::string_view text, std::string_view wanted, size_t last_begin);

// `text` with &, <, >, " and ' as HTML entities, marked as safe; unchanged if it was already.
Text EscapeHtml(const Text& text);

}  // namespace mmoe::jinja
