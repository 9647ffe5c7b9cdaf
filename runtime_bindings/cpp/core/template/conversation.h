#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

// By the names that templates have for them: {"bos_token", "<s>"}.
using SpecialTokens = std::vector<std::pair<std::string, std::string>>;

// The variables of a rendering, from a JSON object of them, as Hugging Face's apply_chat_template prepares
// them: `tools` and `documents` are none and `add_generation_prompt` is false unless they are given, members
// of a message that are null are left out, and what a message calls its reasoning gets all its names.
//
// The strings of `messages`, `tools` and `documents` are data (Text's Origin) except a message's role, which
// is the application's choice and part of special tokens in some templates; all other variables belong to the
// template, `special_tokens` among them, which `variables` may replace.
//
// Throws CoreError(MMOE_INVALID_ARGUMENT).
Dict ReadVariables(Runtime& runtime, const Json& variables, const SpecialTokens& special_tokens);

}  // namespace mmoe::jinja
