#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tokenizer/tokenizer.h"

namespace mmoe {

struct ToolCall {
  std::string name;
  std::string arguments;  // a JSON object
};

struct ParsedAnswer {
  std::string content;
  std::vector<ToolCall> calls;
};

// How families write calls of tools, each a bit:
using CallForms = uint32_t;
// <tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>      Qwen, Hermes, Granite
constexpr CallForms kTaggedCalls = 1;
// <|tool_call_start|>[f(a=1), g(b='x')]<|tool_call_end|>           LFM2
constexpr CallForms kPythonicCalls = 2;
// {"name": "f", "parameters": {"a": 1}}, all of the answer         Llama 3, with or without <|python_tag|> before it
constexpr CallForms kBareCalls = 4;

// Those that a model's answers are looked through for: an answer that is JSON may also be just that, so a bare call is one
// only with a tokenizer that has <|python_tag|>.
CallForms FormsOf(const Tokenizer& tokenizer);
// Whether a token, maybe a special one, is a part of a call's text.
bool IsCallMark(std::string_view token);

// What is no call, or a broken one, is content: then all of `text` is.
ParsedAnswer ParseToolCalls(std::string_view text, CallForms forms);

// For a text that is not whole yet.

// Calls between marks.
struct MarkedForm {
  CallForms form;
  std::string_view begin;
  std::string_view end;
  char first;  // of a call, behind space
  std::optional<std::vector<ToolCall>> (*parse)(std::string_view);
};
extern const std::array<MarkedForm, 2> kMarkedForms;

// Whether every call of this form that has its end is one, and one without its end may become one. *read is where to go
// on from: 0 at first, and behind the last whole call when it is told.
bool MayBeCalls(std::string_view text, const MarkedForm& form, size_t* read);

// How far a JSON object at the beginning of a text was looked through.
struct JsonObjectEnd {
  size_t read = 0;
  int64_t depth = 0;
  bool in_string = false;
  bool escaped = false;
};
// Whether a text with anything behind it may be a bare call; of a text that has grown, with the same `end`.
bool MayBeBareCall(std::string_view text, JsonObjectEnd* end);

}  // namespace mmoe
