#pragma once

#include <string_view>

#include "core/json.h"
#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

// The variables of a rendering, from a JSON object of them, as Hugging Face's apply_chat_template prepares
// them: `tools` and `documents` are none and `add_generation_prompt` is false unless they are given, members
// of a message that are null are left out, and what a message calls its reasoning gets all its names.
//
// The strings of `messages`, `tools` and `documents` are data (Text's Origin) except a message's role, which
// is the application's choice and part of special tokens in some templates; all other variables belong to the
// template.
//
// Throws CoreError(MMOE_INVALID_ARGUMENT).
Dict ReadVariables(Runtime& runtime, const Json& variables);

}  // namespace mmoe::jinja
