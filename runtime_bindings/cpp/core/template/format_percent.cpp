#include <algorithm>
#include <cmath>

#include "core/template/format.h"
#include "core/template/layout.h"
#include "core/template/show.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

namespace {

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
    // Python lets anything but a tuple or a string that can be subscripted stay unused.
    const bool subscripted =
        values_.Is(Kind::kDict) || values_.Is(Kind::kList) || values_.Is(Kind::kUndefined);
    const bool all = values_.Is(Kind::kTuple) ? used_ == values_.sequence().items.size()
                                              : used_ == 1 || by_name_ || subscripted;
    if (!all) Raise("a format has fewer places than values");
  }

 private:
  const Value& values_;
  size_t used_ = 0;
  bool by_name_ = false;
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

}  // namespace mmoe::jinja
