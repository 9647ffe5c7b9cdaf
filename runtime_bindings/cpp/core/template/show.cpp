#include "core/template/show.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "core/template/template_error.h"
#include "core/template/unicode.h"
#include "core/text/utf8.h"

namespace mmoe::jinja {

namespace {

constexpr int kMostDigits = 17;  // that a double may need
// Between these powers of ten, Python writes a float without an exponent.
constexpr int kSmallestPlain = -4;
constexpr int kLargestPlain = 16;

std::string Escaped(uint32_t character) {
  const int width = character < 0x100 ? 2 : (character < 0x10000 ? 4 : 8);
  const char kind = character < 0x100 ? 'x' : (character < 0x10000 ? 'u' : 'U');
  char text[16];
  std::snprintf(text, sizeof(text), "\\%c%0*x", kind, width, character);
  return text;
}

std::string QuotedCharacter(uint32_t character, char quote) {
  switch (character) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\\':
      return "\\\\";
    default:
      if (character == static_cast<unsigned char>(quote)) return std::string("\\") + quote;
      return IsPrintable(character) ? "" : Escaped(character);
  }
}

Text Quoted(const Text& text) {
  const std::string& bytes = text.bytes();
  const bool single = bytes.find('\'') != std::string::npos && bytes.find('"') == std::string::npos;
  const char quote = single ? '"' : '\'';
  Text quoted(std::string(1, quote));
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint character = ReadValidUtf8(bytes, at);
    const std::string escape = QuotedCharacter(character.value, quote);
    if (escape.empty()) {
      quoted.AppendPart(text, at, at + character.bytes);
    } else {
      quoted.AppendLike(text, at, escape);
    }
    at += character.bytes;
  }
  quoted.Append(std::string_view(&quote, 1));
  return quoted;
}

// Values inside a container, with the budget paid as they come: a value may be in it many times.
void AppendRepr(Runtime& runtime, const Value& value, Text* text) {
  const Text repr = Repr(runtime, value);
  runtime.budget().Bytes(repr.size());
  text->Append(repr);
}

Text ShowItems(Runtime& runtime, const std::vector<Value>& items, const char* open, const char* close) {
  Text text(open);
  for (size_t at = 0; at < items.size(); ++at) {
    if (at > 0) text.Append(", ");
    AppendRepr(runtime, items[at], &text);
  }
  text.Append(close);
  return text;
}

Text ShowDict(Runtime& runtime, const Dict& dict) {
  Text text("{");
  for (const auto& [key, value] : dict.entries) {
    if (text.size() > 1) text.Append(", ");
    AppendRepr(runtime, key, &text);
    text.Append(": ");
    AppendRepr(runtime, value, &text);
  }
  text.Append("}");
  return text;
}

std::string ShowRange(const Range& range) {
  std::string text = "range(" + std::to_string(range.start) + ", " + std::to_string(range.stop);
  if (range.step != 1) text += ", " + std::to_string(range.step);
  return text + ")";
}

}  // namespace

std::string FloatRepr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char text[40];
  for (int digits = 1; digits <= kMostDigits; ++digits) {
    std::snprintf(text, sizeof(text), "%.*e", digits - 1, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  // "-1.25e+03", with the decimal point of whatever locale the app has chosen.
  std::string digits;
  const char* at = text;
  for (; *at != 'e'; ++at) {
    if (*at >= '0' && *at <= '9') digits += *at;
  }
  const int exponent = std::atoi(at + 1);
  const std::string sign = std::signbit(value) ? "-" : "";
  if (exponent >= kSmallestPlain && exponent < 0) {
    return sign + "0." + std::string(-exponent - 1, '0') + digits;
  }
  if (exponent >= 0 && exponent < kLargestPlain) {
    const size_t whole = static_cast<size_t>(exponent) + 1;
    if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
    return sign + digits.substr(0, whole) + "." + digits.substr(whole);
  }
  std::string mantissa = digits.substr(0, 1);
  if (digits.size() > 1) mantissa += "." + digits.substr(1);
  char power[16];
  std::snprintf(power, sizeof(power), "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
  return sign + mantissa + power;
}

Text Str(Runtime& runtime, const Value& value) {
  if (value.IsString()) return value.text();
  return value.IsUndefined() ? Text() : Repr(runtime, value);
}

Text Repr(Runtime& runtime, const Value& value) {
  const Budget::Nested nested(runtime.budget());
  runtime.budget().Step();
  switch (value.kind()) {
    case Kind::kUndefined:
      return Text("Undefined");
    case Kind::kNone:
      return Text("None");
    case Kind::kBool:
      return Text(value.bool_value() ? "True" : "False");
    case Kind::kInteger:
      return Text(std::to_string(value.integer()));
    case Kind::kFloat:
      return Text(FloatRepr(value.number()));
    case Kind::kString: {
      const Text quoted = Quoted(value.text());
      return value.text().markup() ? Text("Markup(").Joined(quoted).Joined(Text(")")) : quoted;
    }
    case Kind::kList:
      return ShowItems(runtime, value.sequence().items, "[", "]");
    case Kind::kTuple:
      return ShowItems(runtime, value.sequence().items, "(", value.sequence().items.size() == 1 ? ",)" : ")");
    case Kind::kView:
      return ShowItems(runtime, value.sequence().items,
                       (std::string(value.sequence().view_name) + "([").c_str(), "])");
    case Kind::kDict:
      return ShowDict(runtime, value.dict());
    case Kind::kRange:
      return Text(ShowRange(value.range()));
    case Kind::kIterator:
      RefuseUnsupported("an iterator has no text of its own: Python would print an address; use list");
    case Kind::kObject:
      break;
  }
  return value.object().Show(runtime);
}

}  // namespace mmoe::jinja
