#include "core/template/to_json.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string_view>

#include "core/template/compare.h"
#include "core/template/parameters.h"
#include "core/template/show.h"
#include "core/template/template_error.h"
#include "core/text/utf8.h"

namespace mmoe::jinja {

namespace {

struct Style {
  bool ascii = false;
  std::optional<Text> indent;  // of one level
  Text item_separator{", "};
  Text key_separator{": "};
  bool sorted = false;
};

std::string JsonFloat(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return FloatRepr(value);
}

std::string HexEscape(uint32_t unit) {
  char text[8];
  std::snprintf(text, sizeof(text), "\\u%04x", unit);
  return text;
}

// Empty for a character that stands for itself.
std::string EscapeOf(uint32_t character, bool ascii) {
  switch (character) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    default:
      break;
  }
  if (character < 0x20) return HexEscape(character);
  if (!ascii || character < 0x7F) return {};
  if (character < 0x10000) return HexEscape(character);
  const uint32_t rest = character - 0x10000;
  return HexEscape(0xD800 + (rest >> 10)) + HexEscape(0xDC00 + (rest & 0x3FF));
}

class Writer {
 public:
  Writer(Runtime& runtime, Style style) : runtime_(runtime), style_(std::move(style)) {}

  void Write(const Value& value, int level) {
    const Budget::Nested nested(runtime_.budget());
    runtime_.budget().Step();
    switch (value.kind()) {
      case Kind::kString:
        return String(value.text());
      case Kind::kList:
      case Kind::kTuple:
        return Array(value.sequence().items, level);
      case Kind::kDict:
        return Object(value.dict(), level);
      default:
        text_.Append(Scalar(value, "tojson does not take "));
    }
  }

  Text Take() { return std::move(text_); }

 private:
  static std::string Scalar(const Value& value, const char* refusal) {
    switch (value.kind()) {
      case Kind::kNone:
        return "null";
      case Kind::kBool:
        return value.bool_value() ? "true" : "false";
      case Kind::kInteger:
        return std::to_string(value.integer());
      case Kind::kFloat:
        return JsonFloat(value.number());
      default:
        Raise(refusal + Describe(value));
    }
  }

  void String(const Text& string) {
    const std::string& bytes = string.bytes();
    runtime_.budget().Bytes(bytes.size());
    text_.Append("\"");
    for (size_t at = 0; at < bytes.size();) {
      const CodePoint character = ReadValidUtf8(bytes, at);
      const std::string escape = EscapeOf(character.value, style_.ascii);
      if (escape.empty()) {
        text_.AppendPart(string, at, at + character.bytes);
      } else {
        text_.AppendLike(string, at, escape);
      }
      at += character.bytes;
    }
    text_.Append("\"");
  }

  void NewLine(int level) {
    if (!style_.indent) return;
    runtime_.budget().Bytes(style_.indent->size() * static_cast<size_t>(level) + 1);
    text_.Append("\n");
    for (int at = 0; at < level; ++at) text_.Append(*style_.indent);
  }

  void Array(const std::vector<Value>& items, int level) {
    if (items.empty()) return text_.Append("[]");
    text_.Append("[");
    for (size_t at = 0; at < items.size(); ++at) {
      if (at > 0) text_.Append(style_.item_separator);
      NewLine(level + 1);
      Write(items[at], level + 1);
    }
    NewLine(level);
    text_.Append("]");
  }

  void Object(const Dict& dict, int level) {
    if (dict.entries.empty()) return text_.Append("{}");
    std::vector<std::pair<Value, Value>> entries = dict.entries;
    if (style_.sorted) {
      std::stable_sort(entries.begin(), entries.end(), [](const auto& left, const auto& right) {
        return Compare(left.first, right.first) == Order::kLess;
      });
    }
    text_.Append("{");
    bool first = true;
    for (const auto& [key, value] : entries) {
      if (!first) text_.Append(style_.item_separator);
      first = false;
      NewLine(level + 1);
      String(key.IsString() ? key.text() : Text(Scalar(key, "tojson does not take keys that are ")));
      text_.Append(style_.key_separator);
      Write(value, level + 1);
    }
    NewLine(level);
    text_.Append("}");
  }

  Runtime& runtime_;
  const Style style_;
  Text text_;
};

Text Indentation(Runtime& runtime, const Value& indent) {
  if (indent.IsString()) return indent.text();
  if (!indent.IsInteger()) Raise("tojson: indent is " + Describe(indent));
  const size_t width = static_cast<size_t>(std::max<int64_t>(indent.integer(), 0));
  runtime.budget().Bytes(width);
  return Text(std::string(width, ' '));
}

}  // namespace

Value ToJson(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  Style style;
  style.ascii = given.Flag(0, false);
  style.sorted = given.Flag(3, false);
  if (given.Has(1) && !given[1].IsNone()) {
    style.indent = Indentation(runtime, given[1]);
    style.item_separator = Text(",");
  }
  if (given.Has(2) && !given[2].IsNone()) {
    const auto both = runtime.Iterate(given[2]);
    if (both->items.size() != 2 || !both->items[0].IsString() || !both->items[1].IsString()) {
      Raise("tojson: separators are not two strings");
    }
    style.item_separator = both->items[0].text();
    style.key_separator = both->items[1].text();
  }
  Writer writer(runtime, std::move(style));
  writer.Write(input, 0);
  return runtime.String(writer.Take());
}

}  // namespace mmoe::jinja
