#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/mmoe.h"
#include "core/template/text.h"
#include "core/tokenizer/tokenizer.h"

namespace mmoe {

// The messages as a JSON object for the artifact's template, which begins the assistant's turn behind them.
// Throws CoreError(MMOE_INVALID_ARGUMENT) for a message without a role or a content.
std::string ConversationOf(const mmoe_message* messages, size_t count);

// Appends the ids of a chat template's text. Special tokens come from the template alone: their text inside a
// message is plain text.
void EncodeRendered(const Tokenizer& tokenizer, const jinja::Text& text, std::vector<int32_t>* ids);

}  // namespace mmoe
