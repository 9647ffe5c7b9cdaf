#include <string>

#include "core/template/filter_functions.h"
#include "core/template/format.h"
#include "core/template/letter_case.h"
#include "core/template/methods.h"
#include "core/template/parameters.h"
#include "core/template/replace.h"
#include "core/template/show.h"
#include "core/template/split.h"
#include "core/template/template_error.h"
#include "core/template/unicode.h"
#include "core/text/utf8.h"

namespace mmoe::jinja::filter {

namespace {

// A filter of any value's text that takes no arguments.
template <Text (*kChange)(const Text&)>
Value Change(Runtime& runtime, const char* name, const Value& input, const Arguments& arguments) {
  const Parameters given(name, arguments, {});
  return runtime.String(kChange(Str(runtime, input)));
}

bool PartsWords(char c) { return c == '-' || c == '(' || c == '{' || c == '[' || c == '<'; }

// Unlike str.title: a word begins behind white space, "-" and opening brackets only.
Text CapitalizeWords(const Text& text) {
  Text changed;
  Text word;
  const auto finish = [&] {
    if (word.empty()) return;
    const size_t first = ReadValidUtf8(word.bytes(), 0).bytes;
    changed.Append(ToUpper(word.Part(0, first)));
    changed.Append(ToLower(word.Part(first, word.size())));
    word = Text();
  };
  for (size_t at = 0; at < text.size();) {
    const CodePoint character = ReadValidUtf8(text.bytes(), at);
    if (PartsWords(text.bytes()[at]) || IsPythonSpace(character.value)) {
      finish();
      changed.AppendPart(text, at, at + character.bytes);
    } else {
      word.AppendPart(text, at, at + character.bytes);
    }
    at += character.bytes;
  }
  finish();
  changed.set_markup(text.markup());
  return changed;
}

}  // namespace

Value Capitalize(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Change<jinja::Capitalize>(runtime, "capitalize", input, arguments);
}
Value Lower(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Change<ToLower>(runtime, "lower", input, arguments);
}
Value Title(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Change<CapitalizeWords>(runtime, "title", input, arguments);
}
Value Upper(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Change<ToUpper>(runtime, "upper", input, arguments);
}

Value Escape(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Change<EscapeHtml>(runtime, "escape", input, arguments);
}

Value Safe(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("safe", arguments, {});
  Text text = Str(runtime, input);
  text.set_markup(true);
  return runtime.String(std::move(text));
}

Value String(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("string", arguments, {});
  return runtime.String(Str(runtime, input));
}

Value Center(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("center", arguments, {"width"});
  const Arguments width{{Value::Integer(given.Integer(0, 80))}, {}};
  return FindStringMethod("center")(runtime, runtime.String(Str(runtime, input)), width);
}

Value Format(Runtime& runtime, const Value& input, const Arguments& arguments) {
  if (!arguments.named.empty() && !arguments.positional.empty()) {
    Raise("format takes values by order or by name, not both");
  }
  Value values = runtime.Tuple(arguments.positional);
  if (!arguments.named.empty()) {
    std::vector<std::pair<Value, Value>> entries;
    for (const auto& [name, value] : arguments.named) entries.emplace_back(Value::String(Text(name)), value);
    values = runtime.Dict(std::move(entries));
  }
  return runtime.String(FormatPercent(runtime, Str(runtime, input), values));
}

Value Indent(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("indent", arguments, {"width", "first", "blank"});
  if (!input.IsString()) Raise("indent takes a string, not " + Describe(input));
  Text indentation;
  if (given.Has(0) && given[0].IsString()) {
    indentation = given[0].text();
  } else {
    const int64_t width = given.Integer(0, 4);
    if (width > INT32_MAX) runtime.budget().Bytes(SIZE_MAX / 2);
    const size_t spaces = static_cast<size_t>(width < 0 ? 0 : width);
    runtime.budget().Bytes(spaces);
    indentation = Text(std::string(spaces, ' '));
  }
  const bool first = given.Flag(1, false);
  const bool blank = given.Flag(2, false);
  // The newline makes an empty last line count.
  const std::vector<Text> lines = SplitLines(runtime.budget(), input.text().Joined(Text("\n")), false);
  Text text;
  for (size_t at = 0; at < lines.size(); ++at) {
    runtime.budget().Bytes(indentation.size() + lines[at].size() + 1);
    if (at > 0) text.Append("\n");
    if (at == 0 ? first : (blank || !lines[at].empty())) text.Append(indentation);
    text.Append(lines[at]);
  }
  text.set_markup(input.text().markup());
  return runtime.String(std::move(text));
}

Value Replace(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("replace", arguments, {"old", "new", "count"}, 2);
  Text text = Str(runtime, input);
  text.set_markup(false);
  const int64_t count = given.Has(2) && !given[2].IsNone() ? given.Integer(2, -1) : -1;
  return Value::String(jinja::Replace(runtime, text, Str(runtime, given[0]), Str(runtime, given[1]), count));
}

Value Trim(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("trim", arguments, {"chars"});
  return runtime.String(Strip(Str(runtime, input), given.String(0), true, true));
}

}  // namespace mmoe::jinja::filter
