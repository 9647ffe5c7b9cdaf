#include "core/tools/tool_calls.h"

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/json.h"
#include "core/json_text.h"
#include "core/tools/pythonic_calls.h"

namespace mmoe {

namespace {

constexpr std::string_view kPythonTag = "<|python_tag|>";

using Calls = std::optional<std::vector<ToolCall>>;

constexpr std::string_view kSpace = " \t\r\n";

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// {"name": "f", "arguments": {...}}, or "parameters".
Calls JsonCall(std::string_view text) {
  try {
    const JsonDocument document(text, "");
    const Json root = document.root();
    if (root.type() != Json::Type::kObject) return std::nullopt;
    std::optional<Json> arguments = root.Find("arguments");
    if (!arguments) arguments = root.Find("parameters");
    if (!arguments || arguments->type() != Json::Type::kObject) return std::nullopt;
    return std::vector<ToolCall>{{root.Get("name").String(), JsonText(*arguments)}};
  } catch (const CoreError&) {
    return std::nullopt;
  }
}

// None unless all between the marks are calls. The last end may be missing: it can be what ended the text.
std::optional<ParsedAnswer> ParseMarked(std::string_view text, const MarkedForm& form) {
  ParsedAnswer answer;
  size_t at = 0;
  for (size_t begin = text.find(form.begin); begin != std::string_view::npos;
       begin = text.find(form.begin, at)) {
    std::string_view before = text.substr(at, begin - at);
    // Templates put a line's end between the content and its calls.
    if (!before.empty() && before.back() == '\n') before.remove_suffix(1);
    if (answer.calls.empty() || !Trimmed(before).empty()) answer.content += before;
    begin += form.begin.size();
    const size_t end = text.find(form.end, begin);
    Calls calls = form.parse(Trimmed(text.substr(begin, end == std::string_view::npos ? end : end - begin)));
    if (!calls || calls->empty()) return std::nullopt;
    answer.calls.insert(answer.calls.end(), calls->begin(), calls->end());
    at = end == std::string_view::npos ? text.size() : end + form.end.size();
  }
  if (answer.calls.empty()) return std::nullopt;
  if (!Trimmed(text.substr(at)).empty()) answer.content += text.substr(at);
  return answer;
}

// Where what may be the JSON of a bare call begins: behind space, and the tag with more space.
size_t BareCallAt(std::string_view text) {
  size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  if (text.substr(begin, kPythonTag.size()) != kPythonTag) return begin;
  begin += kPythonTag.size();
  return std::min(text.find_first_not_of(kSpace, begin), text.size());
}

}  // namespace

const std::array<MarkedForm, 2> kMarkedForms = {
    {{kTaggedCalls, "<tool_call>", "</tool_call>", '{', JsonCall},
     {kPythonicCalls, "<|tool_call_start|>", "<|tool_call_end|>", '[', ParsePythonicCalls}}};

CallForms FormsOf(const Tokenizer& tokenizer) {
  const bool bare = tokenizer.FindAdded(kPythonTag, 0).begin == 0;
  return kTaggedCalls | kPythonicCalls | (bare ? kBareCalls : 0);
}

bool IsCallMark(std::string_view token) {
  return token == kPythonTag ||
         std::any_of(kMarkedForms.begin(), kMarkedForms.end(),
                     [&](const MarkedForm& form) { return token == form.begin || token == form.end; });
}

ParsedAnswer ParseToolCalls(std::string_view text, CallForms forms) {
  for (const MarkedForm& form : kMarkedForms) {
    if ((forms & form.form) == 0) continue;
    if (std::optional<ParsedAnswer> answer = ParseMarked(text, form)) return *answer;
  }
  if ((forms & kBareCalls) != 0) {
    if (const Calls calls = JsonCall(Trimmed(text.substr(BareCallAt(text))))) return {"", *calls};
  }
  return {std::string(text), {}};
}

bool MayBeCalls(std::string_view text, const MarkedForm& form, size_t* read) {
  for (;;) {
    size_t begin = text.find(form.begin, *read);
    if (begin == std::string_view::npos) return true;
    begin += form.begin.size();
    const size_t first = text.find_first_not_of(" \t\n\v\f\r", begin);
    if (first == std::string_view::npos) return true;
    if (text[first] != form.first) return false;
    const size_t end = text.find(form.end, begin);
    if (end == std::string_view::npos) return true;
    const Calls calls = form.parse(Trimmed(text.substr(begin, end - begin)));
    if (!calls || calls->empty()) return false;
    *read = end + form.end.size();
  }
}

bool MayBeBareCall(std::string_view text, JsonObjectEnd* end) {
  const size_t begin = BareCallAt(text);
  const std::string_view json = text.substr(begin);
  if (json.empty()) return true;
  if (json[0] != '{')
    return begin == text.find_first_not_of(kSpace) && kPythonTag.substr(0, json.size()) == json;
  for (; end->read < json.size(); ++end->read) {
    const char c = json[end->read];
    if (end->in_string) {
      end->in_string = end->escaped || c != '"';
      end->escaped = !end->escaped && c == '\\';
    } else if (end->read > 0 && end->depth == 0) {
      if (kSpace.find(c) == std::string_view::npos) return false;
    } else if (c == '"') {
      end->in_string = true;
    } else if (c == '{' || c == '[') {
      ++end->depth;
    } else if (c == '}' || c == ']') {
      --end->depth;
    }
  }
  return true;
}

}  // namespace mmoe
