#include "core/template/format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/template/attributes.h"
#include "core/template/show.h"
#include "core/template/template_error.h"
#include "core/tokenizer/utf8.h"

namespace mmoe::jinja {

namespace {

constexpr int64_t kMaxWidth = 1'000'000;
constexpr int64_t kMaxPrecision = 300;

// How a value is laid out: [[fill]align][sign][#][0][width][,][.precision][type].
struct Layout {
  std::string fill = " ";
  char align = '\0';  // '<', '>', '^' or '=', which pads behind the sign
  char sign = '-';
  bool alternate = false;
  char grouping = '\0';
  int64_t width = 0;
  int64_t precision = -1;
  char type = '\0';
};

Text Pad(Runtime& runtime, const Text& body, size_t sign_bytes, const Layout& layout) {
  const int64_t missing = layout.width - static_cast<int64_t>(CountCharacters(body.bytes()));
  if (missing <= 0) return body;
  runtime.budget().Bytes(static_cast<size_t>(missing) * layout.fill.size());
  const auto filling = [&](int64_t count) {
    std::string text;
    for (int64_t at = 0; at < count; ++at) text += layout.fill;
    return Text(text);
  };
  switch (layout.align) {
    case '<':
      return body.Joined(filling(missing));
    case '^':
      return filling(missing / 2).Joined(body).Joined(filling(missing - missing / 2));
    case '=':
      return body.Part(0, sign_bytes).Joined(filling(missing)).Joined(body.Part(sign_bytes, body.size()));
    default:
      return filling(missing).Joined(body);
  }
}

std::string Group(const std::string& digits, char separator) {
  const size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  std::string grouped;
  for (size_t at = 0; at < whole; ++at) {
    if (at > 0 && (whole - at) % 3 == 0) grouped += separator;
    grouped += digits[at];
  }
  return grouped + digits.substr(whole);
}

std::string DigitsInBase(uint64_t value, unsigned base, bool capital) {
  const char* const digits = capital ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), digits[value % base]);
    value /= base;
  } while (value != 0);
  return text;
}

// The digits of a number, without its sign.
std::string FloatDigits(double value, char type, int64_t precision, bool alternate) {
  if (std::isnan(value)) return type >= 'A' && type <= 'Z' ? "NAN" : "nan";
  if (std::isinf(value)) return type >= 'A' && type <= 'Z' ? "INF" : "inf";
  const std::string pattern = std::string(alternate ? "%#" : "%") + ".*" + type;
  const int digits = static_cast<int>(precision < 0 ? 6 : precision);
  std::string text(static_cast<size_t>(std::snprintf(nullptr, 0, pattern.c_str(), digits, value)), '\0');
  std::snprintf(text.data(), text.size() + 1, pattern.c_str(), digits, value);
  return text;
}

Text LayOutNumber(Runtime& runtime, bool negative, const std::string& prefix, const std::string& digits,
                  const Layout& layout) {
  std::string sign = negative ? "-" : (layout.sign == '-' ? "" : std::string(1, layout.sign));
  sign += prefix;
  const std::string body = sign + (layout.grouping != '\0' ? Group(digits, layout.grouping) : digits);
  Layout padded = layout;
  if (padded.align == '\0') padded.align = '>';
  return Pad(runtime, Text(body), sign.size(), padded);
}

uint64_t Magnitude(int64_t value) {
  return value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

Text LayOutInteger(Runtime& runtime, int64_t value, const Layout& layout) {
  unsigned base = 10;
  std::string prefix;
  switch (layout.type) {
    case 'x':
    case 'X':
      base = 16;
      if (layout.alternate) prefix = layout.type == 'x' ? "0x" : "0X";
      break;
    case 'o':
      base = 8;
      if (layout.alternate) prefix = "0o";
      break;
    case 'b':
      base = 2;
      if (layout.alternate) prefix = "0b";
      break;
    default:
      break;
  }
  std::string digits = DigitsInBase(Magnitude(value), base, layout.type == 'X');
  if (layout.precision > static_cast<int64_t>(digits.size())) {
    digits.insert(0, static_cast<size_t>(layout.precision) - digits.size(), '0');
  }
  return LayOutNumber(runtime, value < 0, prefix, digits, layout);
}

Text LayOutFloat(Runtime& runtime, double value, const Layout& layout) {
  std::string suffix;
  char type = layout.type;
  double shown = std::fabs(value);
  if (type == '%') {
    shown *= 100;
    type = 'f';
    suffix = "%";
  }
  const std::string digits =
      type == '\0' ? FloatRepr(shown) : FloatDigits(shown, type, layout.precision, layout.alternate);
  return LayOutNumber(runtime, std::signbit(value) && !std::isnan(value), "", digits + suffix, layout);
}

Text LayOutText(Runtime& runtime, const Text& text, const Layout& layout) {
  Text shown = text;
  if (layout.precision >= 0) {
    const std::vector<size_t> offsets = CharacterOffsets(text.bytes());
    shown =
        text.Part(0, offsets[std::min<size_t>(static_cast<size_t>(layout.precision), offsets.size() - 1)]);
  }
  Layout padded = layout;
  if (padded.align == '\0') padded.align = '<';
  return Pad(runtime, shown, 0, padded);
}

// A number at text[*at], or `missing`.
int64_t ReadNumber(const std::string& text, size_t* at, int64_t missing, int64_t most) {
  int64_t value = missing;
  while (*at < text.size() && text[*at] >= '0' && text[*at] <= '9') {
    value = std::max<int64_t>(value, 0) * 10 + (text[(*at)++] - '0');
    if (value > most) {
      throw CoreError(MMOE_OUT_OF_RESOURCES,
                      "a format asks for more than " + std::to_string(most) + " digits");
    }
  }
  return value;
}

int64_t RequireInteger(const Value& value, char type) {
  if (!value.IsInteger()) Raise(std::string("%") + type + " does not take " + Describe(value));
  return value.integer();
}

Text FormatOne(Runtime& runtime, const Value& value, const Layout& layout) {
  switch (layout.type) {
    case 's':
      return LayOutText(runtime, Str(runtime, value), layout);
    case 'r':
      return LayOutText(runtime, Repr(runtime, value), layout);
    case 'd':
    case 'i':
    case 'u':
      if (value.Is(Kind::kFloat) && std::fabs(value.number()) < 9.2e18) {
        return LayOutInteger(runtime, static_cast<int64_t>(value.number()), layout);
      }
      return LayOutInteger(runtime, RequireInteger(value, layout.type), layout);
    case 'x':
    case 'X':
    case 'o':
      return LayOutInteger(runtime, RequireInteger(value, layout.type), layout);
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      if (!value.IsNumber()) Raise(std::string("%") + layout.type + " does not take " + Describe(value));
      return LayOutFloat(runtime, value.number(), layout);
    default:
      RefuseUnsupported(std::string("the format %") + layout.type + " is not implemented");
  }
}

// The values of a % format, one after the other or by name.
class PercentValues {
 public:
  explicit PercentValues(const Value& values) : values_(values) {}

  const Value& Next() {
    if (!values_.Is(Kind::kTuple)) {
      if (used_++ > 0) Raise("a format has more places than values");
      return values_;
    }
    const std::vector<Value>& items = values_.sequence().items;
    if (used_ == items.size()) Raise("a format has more places than values");
    return items[used_++];
  }
  const Value& Named(const std::string& name) {
    if (!values_.Is(Kind::kDict)) Raise("a format names a value, but is given no dict");
    const Value* found = values_.dict().Find(name);
    if (found == nullptr) Raise("a format names \"" + name + "\", which the dict lacks");
    by_name_ = true;
    return *found;
  }
  void CheckAllUsed() const {
    const bool all = values_.Is(Kind::kTuple)
                         ? used_ == values_.sequence().items.size()
                         : used_ == 1 || by_name_ || values_.Is(Kind::kDict) || values_.Is(Kind::kList);
    if (!all) Raise("a format has fewer places than values");
  }

 private:
  const Value& values_;
  size_t used_ = 0;
  bool by_name_ = false;
};

// Of a format behind its colon.
Layout ReadLayout(const std::string& text) {
  Layout layout;
  size_t at = 0;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  if (!text.empty()) {
    const size_t first = ReadValidUtf8(text, 0).bytes;
    if (first < text.size() && is_align(text[first])) {
      layout.fill = text.substr(0, first);
      layout.align = text[first];
      at = first + 1;
    } else if (is_align(text[0])) {
      layout.align = text[0];
      at = 1;
    }
  }
  const auto take = [&](const char* any) {
    return at < text.size() && std::string_view(any).find(text[at]) != std::string_view::npos ? text[at++]
                                                                                              : '\0';
  };
  if (const char sign = take("+- ")) layout.sign = sign;
  layout.alternate = take("#") != '\0';
  if (take("0") != '\0' && layout.align == '\0') {
    layout.fill = "0";
    layout.align = '=';
  }
  layout.width = ReadNumber(text, &at, 0, kMaxWidth);
  layout.grouping = take(",_");
  if (take(".") != '\0') layout.precision = ReadNumber(text, &at, -1, kMaxPrecision);
  layout.type = take("bcdeEfFgGnosxX%");
  if (at != text.size()) Raise("\"" + text + "\" is no format specification");
  return layout;
}

Text FormatBySpecification(Runtime& runtime, const Value& value, const std::string& specification) {
  if (specification.empty()) return Str(runtime, value);
  const Layout layout = ReadLayout(specification);
  const bool whole =
      layout.type == '\0' || std::string_view("bdoxX").find(layout.type) != std::string_view::npos;
  if (value.IsString() && (layout.type == '\0' || layout.type == 's')) {
    if (layout.align == '=') Raise("a string cannot be padded behind a sign");
    return LayOutText(runtime, value.text(), layout);
  }
  if (value.IsInteger() && whole && layout.precision < 0) {
    return LayOutInteger(runtime, value.integer(), layout);
  }
  if (value.IsNumber() && layout.type != '\0' &&
      std::string_view("eEfFgG%").find(layout.type) != std::string_view::npos) {
    return LayOutFloat(runtime, value.number(), layout);
  }
  if (value.Is(Kind::kFloat) && layout.type == '\0' && layout.precision < 0) {
    return LayOutFloat(runtime, value.number(), layout);
  }
  RefuseUnsupported("the format \"" + specification + "\" of " + Describe(value) + " is not implemented");
}

class BracesFormatter {
 public:
  BracesFormatter(Runtime& runtime, const Text& format, const Arguments& arguments)
      : runtime_(runtime), format_(format), arguments_(arguments) {}

  Text Run() {
    const std::string& bytes = format_.bytes();
    Text text;
    for (size_t at = 0; at < bytes.size();) {
      const char c = bytes[at];
      if ((c == '{' || c == '}') && at + 1 < bytes.size() && bytes[at + 1] == c) {
        text.AppendPart(format_, at, at + 1);
        at += 2;
      } else if (c == '{') {
        const size_t end = bytes.find('}', at);
        if (end == std::string::npos) Raise("a format has a { without its }");
        const Text field = Field(bytes.substr(at + 1, end - at - 1));
        runtime_.budget().Bytes(field.size());
        text.Append(field);
        at = end + 1;
      } else if (c == '}') {
        Raise("a format has a } without its {");
      } else {
        text.AppendPart(format_, at, at + 1);
        ++at;
      }
    }
    return text;
  }

 private:
  Text Field(std::string field) {
    if (field.find('{') != std::string::npos) RefuseUnsupported("formats inside formats are not implemented");
    std::string specification;
    if (const size_t colon = field.find(':'); colon != std::string::npos) {
      specification = field.substr(colon + 1);
      field.resize(colon);
    }
    char conversion = '\0';
    if (const size_t mark = field.find('!'); mark != std::string::npos) {
      if (mark + 2 != field.size()) Raise("\"" + field + "\" is no place of a format");
      conversion = field[mark + 1];
      field.resize(mark);
    }
    Value value = Lookup(field);
    if (conversion == 'r') {
      value = Value::String(Repr(runtime_, value));
    } else if (conversion == 's') {
      value = Value::String(Str(runtime_, value));
    } else if (conversion != '\0') {
      RefuseUnsupported(std::string("the conversion !") + conversion + " is not implemented");
    }
    return FormatBySpecification(runtime_, value, specification);
  }

  // "name.attribute[item]"
  Value Lookup(const std::string& field) {
    size_t at = std::min(field.find_first_of(".["), field.size());
    Value value = First(field.substr(0, at));
    while (at < field.size()) {
      if (field[at] == '.') {
        const size_t end = std::min(field.find_first_of(".[", at + 1), field.size());
        value = GetAttribute(runtime_, value, field.substr(at + 1, end - at - 1));
        at = end;
        continue;
      }
      const size_t end = field.find(']', at);
      if (field[at] != '[' || end == std::string::npos) Raise("\"" + field + "\" is no place of a format");
      const std::string item = field.substr(at + 1, end - at - 1);
      value = GetItem(runtime_, value,
                      IsIndex(item) ? Value::Integer(std::stoi(item)) : Value::String(Text(item)));
      at = end + 1;
    }
    return value;
  }

  static bool IsIndex(const std::string& text) {
    return !text.empty() && text.size() < 9 && text.find_first_not_of("0123456789") == std::string::npos;
  }

  Value First(const std::string& name) {
    if (!name.empty() && !IsIndex(name)) {
      for (const auto& [known, value] : arguments_.named) {
        if (known == name) return value;
      }
      Raise("a format names \"" + name + "\", which it is not given");
    }
    if (name.empty() ? by_number_ : by_order_) Raise("a format mixes places with and without numbers");
    (name.empty() ? by_order_ : by_number_) = true;
    const size_t index = name.empty() ? next_++ : static_cast<size_t>(std::stoi(name));
    if (index >= arguments_.positional.size()) Raise("a format has more places than values");
    return arguments_.positional[index];
  }

  Runtime& runtime_;
  const Text& format_;
  const Arguments& arguments_;
  size_t next_ = 0;
  bool by_order_ = false;
  bool by_number_ = false;
};

}  // namespace

Text FormatPercent(Runtime& runtime, const Text& format, const Value& values) {
  const std::string& bytes = format.bytes();
  PercentValues given(values);
  Text text;
  text.set_markup(format.markup());
  for (size_t at = 0; at < bytes.size();) {
    if (bytes[at] != '%') {
      const size_t end = std::min(bytes.find('%', at), bytes.size());
      text.AppendPart(format, at, end);
      at = end;
      continue;
    }
    ++at;
    const Value* named = nullptr;
    if (at < bytes.size() && bytes[at] == '(') {
      const size_t end = bytes.find(')', at);
      if (end == std::string::npos) Raise("a format has a ( without its )");
      named = &given.Named(bytes.substr(at + 1, end - at - 1));
      at = end + 1;
    }
    Layout layout;
    layout.align = '>';
    bool left = false;
    bool zeros = false;
    for (; at < bytes.size() && std::string_view("-+ #0").find(bytes[at]) != std::string_view::npos; ++at) {
      if (bytes[at] == '-') left = true;
      if (bytes[at] == '0') zeros = true;
      if (bytes[at] == '#') layout.alternate = true;
      if (bytes[at] == '+' || (bytes[at] == ' ' && layout.sign == '-')) layout.sign = bytes[at];
    }
    if (at < bytes.size() && bytes[at] == '*') RefuseUnsupported("%* is not implemented");
    layout.width = ReadNumber(bytes, &at, 0, kMaxWidth);
    if (at < bytes.size() && bytes[at] == '.') {
      ++at;
      layout.precision = std::max<int64_t>(ReadNumber(bytes, &at, 0, kMaxPrecision), 0);
    }
    if (at == bytes.size()) Raise("a format ends inside a place");
    layout.type = bytes[at++];
    if (layout.type == '%') {
      text.Append("%");
      continue;
    }
    if (left) layout.align = '<';
    if (zeros && !left && layout.type != 's' && layout.type != 'r') {
      layout.fill = "0";
      layout.align = '=';
    }
    const Text shown = FormatOne(runtime, named != nullptr ? *named : given.Next(), layout);
    runtime.budget().Bytes(shown.size());
    text.Append(format.markup() ? EscapeHtml(shown) : shown);
  }
  given.CheckAllUsed();
  return text;
}

Text FormatBraces(Runtime& runtime, const Text& format, const Arguments& arguments) {
  Text text = BracesFormatter(runtime, format, arguments).Run();
  text.set_markup(format.markup());
  return text;
}

}  // namespace mmoe::jinja
