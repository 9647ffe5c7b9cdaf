#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/manifest.h"
#include "core/mmoe.h"
#include "core/template/text.h"
#include "core/tokenizer/tokenizer.h"

namespace mmoe {

// Appends the ids of a conversation, ready for the assistant's turn. Special tokens come from the template
// alone: their text inside a message is plain text. Throws CoreError(MMOE_INVALID_ARGUMENT) for a role that
// the template lacks.
void EncodeChat(const Tokenizer& tokenizer, const ChatPieces& pieces, const mmoe_message* messages,
                size_t count, std::vector<int32_t>* ids);

// The messages as a JSON object for the artifact's own template, which begins the assistant's turn behind
// them.
std::string ConversationOf(const mmoe_message* messages, size_t count);

// The same for the text of a chat template: special tokens are those that the template wrote.
void EncodeRendered(const Tokenizer& tokenizer, const jinja::Text& text, std::vector<int32_t>* ids);

}  // namespace mmoe
