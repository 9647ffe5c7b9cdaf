#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mmoe {

struct ToolCall {
  std::string name;
  std::string arguments;  // a JSON object
};

struct ParsedAnswer {
  std::string content;
  std::vector<ToolCall> calls;
};

// How a family writes calls of tools:
//   <tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>        Qwen, Hermes, Granite
//   <|tool_call_start|>[f(a=1), g(b='x')]<|tool_call_end|>             LFM2
//   {"name": "f", "parameters": {"a": 1}}, all of the answer           Llama 3, with or without <|python_tag|> before it
// An answer that is JSON may also be just that, so the last form is looked for only where `bare_json` says so. What is
// no call, or a broken one, is content: then all of `text` is.
ParsedAnswer ParseToolCalls(std::string_view text, bool bare_json);

}  // namespace mmoe
