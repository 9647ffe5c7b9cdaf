#include "tokenizer/normalizer.h"

#include "tokenizer/unicode/lowercase.h"
#include "tokenizer/unicode/properties.h"
#include "tokenizer/utf8.h"

namespace mmoe {

namespace {

std::string ReplaceAll(const Normalizer::Replace& replace, std::string_view text) {
  std::string replaced;
  replaced.reserve(text.size());
  RegexMatches matches(*replace.pattern, text);
  for (size_t at = 0; at < text.size();) {
    const Regex::Match match = matches.Next();
    replaced += text.substr(at, match.begin - at);
    if (match.begin < text.size()) replaced += replace.by;
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

struct Apply {
  std::string text;

  std::string operator()(NormalizationForm form) const { return Normalize(text, form); }
  std::string operator()(const Normalizer::Prepend& prepend) const {
    return text.empty() ? std::string() : prepend.text + text;
  }
  std::string operator()(const Normalizer::Replace& replace) const { return ReplaceAll(replace, text); }
  std::string operator()(const Normalizer::LowercaseAll&) const { return Lowercase(text); }
  std::string operator()(const Normalizer::Strip& strip) const {
    return std::string(StripSpace(strip, text));
  }
};

}  // namespace

std::string Normalizer::Apply(std::string_view text) const {
  std::string normalized(text);
  for (const Step& step : steps_) normalized = std::visit(mmoe::Apply{std::move(normalized)}, step);
  return normalized;
}

}  // namespace mmoe
