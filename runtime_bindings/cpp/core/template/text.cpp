#include "core/template/text.h"

#include "core/template/template_error.h"

namespace mmoe::jinja {

namespace {

// Up to here, looking at every place again costs less than preparing what is looked for.
constexpr size_t kShort = 64;

bool BeginsCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

std::string_view EntityOf(char byte) {
  switch (byte) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&#34;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

Text::Text(std::string bytes, Origin origin) : bytes_(std::move(bytes)) {
  if (origin != Origin::kTemplate) origins_.assign(bytes_.size(), static_cast<char>(origin));
}

void Text::Append(std::string_view bytes, Origin origin) {
  if (origin != Origin::kTemplate && origins_.empty()) {
    origins_.assign(bytes_.size(), static_cast<char>(Origin::kTemplate));
  }
  bytes_ += bytes;
  if (origin != Origin::kTemplate || !origins_.empty()) {
    origins_.append(bytes.size(), static_cast<char>(origin));
  }
}

void Text::AppendPart(const Text& text, size_t begin, size_t end) {
  if (!text.origins_.empty() && origins_.empty()) {
    origins_.assign(bytes_.size(), static_cast<char>(Origin::kTemplate));
  }
  bytes_.append(text.bytes_, begin, end - begin);
  if (!text.origins_.empty()) {
    origins_.append(text.origins_, begin, end - begin);
  } else if (!origins_.empty()) {
    origins_.append(end - begin, static_cast<char>(Origin::kTemplate));
  }
}

Text Text::Part(size_t begin, size_t end) const {
  Text part;
  part.AppendPart(*this, begin, end);
  part.markup_ = markup_;
  return part;
}

Text Text::Joined(const Text& text) const {
  Text joined = *this;
  joined.Append(text);
  return joined;
}

std::vector<Span> Text::Spans() const {
  std::vector<Span> spans;
  for (size_t at = 0; at < size(); ++at) {
    if (spans.empty() || spans.back().origin != OriginAt(at)) spans.push_back({at, at, OriginAt(at)});
    spans.back().end = at + 1;
  }
  return spans;
}

size_t CountCharacters(std::string_view text) {
  size_t count = 0;
  for (const char byte : text) count += BeginsCharacter(byte) ? 1 : 0;
  return count;
}

std::vector<size_t> CharacterOffsets(std::string_view text) {
  std::vector<size_t> offsets;
  offsets.reserve(text.size() + 1);
  for (size_t at = 0; at < text.size(); ++at) {
    if (BeginsCharacter(text[at])) offsets.push_back(at);
  }
  offsets.push_back(text.size());
  return offsets;
}

size_t FindBytes(std::string_view text, std::string_view wanted, size_t from) {
  if (wanted.size() <= kShort) return text.find(wanted, from);
  if (from > text.size()) return std::string_view::npos;
  // Knuth, Morris and Pratt: borders[n] is the longest proper prefix of wanted[0..n) that is its suffix, too.
  std::vector<size_t> borders(wanted.size() + 1, 0);
  for (size_t length = 1, border = 0; length < wanted.size(); ++length) {
    while (border > 0 && wanted[length] != wanted[border]) border = borders[border];
    if (wanted[length] == wanted[border]) ++border;
    borders[length + 1] = border;
  }
  for (size_t at = from, matched = 0; at < text.size(); ++at) {
    while (matched > 0 && text[at] != wanted[matched]) matched = borders[matched];
    if (text[at] == wanted[matched]) ++matched;
    if (matched == wanted.size()) return at + 1 - matched;
  }
  return std::string_view::npos;
}

size_t FindBytesFromEnd(std::string_view text, std::string_view wanted, size_t last_begin) {
  if (wanted.size() > kShort) {
    RefuseUnsupported("looking from the end for more than " + std::to_string(kShort) +
                      " bytes is not implemented");
  }
  return text.rfind(wanted, last_begin);
}

Text EscapeHtml(const Text& text) {
  if (text.markup()) return text;
  Text escaped;
  for (size_t at = 0; at < text.size(); ++at) {
    const std::string_view entity = EntityOf(text.bytes()[at]);
    if (entity.empty()) {
      escaped.AppendPart(text, at, at + 1);
    } else {
      escaped.AppendLike(text, at, entity);
    }
  }
  escaped.set_markup(true);
  return escaped;
}

}  // namespace mmoe::jinja
