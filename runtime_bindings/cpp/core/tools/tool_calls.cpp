#include "core/tools/tool_calls.h"

#include <optional>

#include "core/error.h"
#include "core/json.h"
#include "core/json_text.h"
#include "core/tools/pythonic_calls.h"

namespace mmoe {

namespace {

constexpr std::string_view kPythonTag = "<|python_tag|>";

using Calls = std::optional<std::vector<ToolCall>>;

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
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

struct Marks {
  std::string_view begin;
  std::string_view end;
  Calls (*parse)(std::string_view);
};

constexpr Marks kMarks[] = {{"<tool_call>", "</tool_call>", JsonCall},
                            {"<|tool_call_start|>", "<|tool_call_end|>", ParsePythonicCalls}};

// None unless all between the marks are calls. The last end may be missing: it can be what ended the text.
std::optional<ParsedAnswer> ParseMarked(std::string_view text, const Marks& marks) {
  ParsedAnswer answer;
  size_t at = 0;
  for (size_t begin = text.find(marks.begin); begin != std::string_view::npos;
       begin = text.find(marks.begin, at)) {
    std::string_view before = text.substr(at, begin - at);
    // Templates put a line's end between the content and its calls.
    if (!before.empty() && before.back() == '\n') before.remove_suffix(1);
    if (answer.calls.empty() || !Trimmed(before).empty()) answer.content += before;
    begin += marks.begin.size();
    const size_t end = text.find(marks.end, begin);
    Calls calls = marks.parse(Trimmed(text.substr(begin, end == std::string_view::npos ? end : end - begin)));
    if (!calls || calls->empty()) return std::nullopt;
    answer.calls.insert(answer.calls.end(), calls->begin(), calls->end());
    at = end == std::string_view::npos ? text.size() : end + marks.end.size();
  }
  if (answer.calls.empty()) return std::nullopt;
  if (!Trimmed(text.substr(at)).empty()) answer.content += text.substr(at);
  return answer;
}

}  // namespace

ParsedAnswer ParseToolCalls(std::string_view text, bool bare_json) {
  for (const Marks& marks : kMarks) {
    if (std::optional<ParsedAnswer> answer = ParseMarked(text, marks)) return *answer;
  }
  if (bare_json) {
    std::string_view json = Trimmed(text);
    if (json.substr(0, kPythonTag.size()) == kPythonTag) json = Trimmed(json.substr(kPythonTag.size()));
    if (const Calls calls = JsonCall(json)) return {"", *calls};
  }
  return {std::string(text), {}};
}

}  // namespace mmoe
