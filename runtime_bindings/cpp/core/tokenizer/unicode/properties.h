#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/tokenizer/unicode/char_set.h"

namespace mmoe {

// What characters are, as Hugging Face's `tokenizers` sees them (tools/unicode_tables asks it). Two regular
// expression libraries are inside it, which disagree on what a word is.

// \p{name}: a general category (Lu) or a group of them (L), or a script (Han); none if there is no such name
// here.
std::optional<CharSet> FindProperty(std::string_view name);

// \w of the regular expressions that a tokenizer.json brings along.
CharSet WordCharacters();
// \w of the library's own splitters and of `single_word`.
CharSet PlainWordCharacters();
// What the Punctuation splitter cuts at.
CharSet Punctuation();
const CharSet& WhiteSpace();

bool IsWhiteSpace(uint32_t code_point);

}  // namespace mmoe
