#pragma once

#include <string_view>

#include "core/tokenizer/regex/syntax_tree.h"

namespace mmoe {

// Parses a regular expression in the syntax of Oniguruma (its Ruby syntax), which Hugging Face's
// `tokenizers` uses, as far as split patterns of tokenizers need it. Throws CoreError(MMOE_UNSUPPORTED),
// whose message names the construct, for anything else: back references, look-behind, anchors at a beginning,
// case-insensitive letters beyond ASCII, possessive repeats of more than one character.
RegexNodePtr ParseRegex(std::string_view pattern);

}  // namespace mmoe
