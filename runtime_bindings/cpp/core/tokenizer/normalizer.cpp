#include "core/tokenizer/normalizer.h"

#include <utility>

#include "core/error.h"
#include "core/text/utf8.h"
#include "core/tokenizer/unicode/lowercase.h"
#include "core/tokenizer/unicode/properties.h"

namespace mmoe {

namespace {

// A step that puts a long text in place of a short one, and a few such steps more, would fill any memory. NFKD, which
// makes the most of a character, makes 11 bytes of one.
constexpr size_t kMostGrowth = 64;
constexpr size_t kMostAdded = 4096;  // to short texts

void RequireRoom(size_t bytes, size_t most) {
  if (bytes <= most) return;
  throw CoreError(MMOE_OUT_OF_RESOURCES, "the tokenizer's normalizer makes more than " +
                                             std::to_string(kMostGrowth) +
                                             " bytes of one; use another tokenizer.json");
}

std::string ReplaceAll(const Normalizer::Replace& replace, std::string_view text, size_t most) {
  std::string replaced;
  replaced.reserve(text.size());
  RegexMatches matches(*replace.pattern, text);
  for (size_t at = 0; at < text.size();) {
    const Regex::Match match = matches.Next();
    replaced += text.substr(at, match.begin - at);
    if (match.begin < text.size()) {
      RequireRoom(replaced.size() + replace.by.size(), most);
      replaced += replace.by;
    }
    at = match.end;
  }
  return replaced;
}

std::string_view StripSpace(const Normalizer::Strip& strip, std::string_view text) {
  size_t begin = text.size();
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint code_point = ReadValidUtf8(text, at);
    if (!IsWhiteSpace(code_point.value)) {
      if (begin == text.size()) begin = at;
      end = at + code_point.bytes;
    }
    at += code_point.bytes;
  }
  if (!strip.left) begin = 0;
  if (!strip.right) end = text.size();
  return begin < end ? text.substr(begin, end - begin) : std::string_view();
}

class Application {
 public:
  explicit Application(std::string_view text) : text_(text), most_(kMostGrowth * text.size() + kMostAdded) {}

  void operator()(NormalizationForm form) { text_ = Normalize(text_, form); }
  void operator()(const Normalizer::Prepend& prepend) {
    if (text_.empty()) return;
    RequireRoom(prepend.text.size() + text_.size(), most_);
    text_ = prepend.text + text_;
  }
  void operator()(const Normalizer::Replace& replace) {
    if (replace.by.empty() && RegexMatches(*replace.pattern, text_).Next().begin == 0) cut_ = true;
    text_ = ReplaceAll(replace, text_, most_);
  }
  void operator()(const Normalizer::LowercaseAll&) { text_ = Lowercase(text_); }
  void operator()(const Normalizer::Strip& strip) {
    if (strip.left && !text_.empty() && IsWhiteSpace(ReadValidUtf8(text_, 0).value)) cut_ = true;
    text_ = std::string(StripSpace(strip, text_));
  }

  std::string TakeText() { return std::move(text_); }
  bool cut() const { return cut_; }

 private:
  std::string text_;
  size_t most_;  // bytes
  bool cut_ = false;
};

}  // namespace

std::string Normalizer::Apply(std::string_view text, bool* cut) const {
  Application application(text);
  for (const Step& step : steps_) std::visit(application, step);
  *cut = application.cut();
  return application.TakeText();
}

}  // namespace mmoe
