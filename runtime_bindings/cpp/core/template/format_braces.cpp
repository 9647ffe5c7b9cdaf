#include <algorithm>

#include "core/template/attributes.h"
#include "core/template/format.h"
#include "core/template/layout.h"
#include "core/template/show.h"
#include "core/template/template_error.h"
#include "core/text/utf8.h"

namespace mmoe::jinja {

namespace {

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

Text FormatBraces(Runtime& runtime, const Text& format, const Arguments& arguments) {
  Text text = BracesFormatter(runtime, format, arguments).Run();
  text.set_markup(format.markup());
  return text;
}

}  // namespace mmoe::jinja
