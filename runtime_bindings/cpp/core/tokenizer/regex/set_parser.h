#pragma once

#include <cstdint>
#include <optional>

#include "core/tokenizer/regex/regex_reader.h"
#include "core/tokenizer/unicode/char_set.h"

namespace mmoe {

// The parts of a regular expression that stand for one character. All throw CoreError(MMOE_UNSUPPORTED) for
// what they do not know.

// What is behind "[", to its "]": characters, ranges, classes, sets in sets, && and a leading ^.
CharSet ParseSet(RegexReader* in, bool ignore_case);

// Behind a backslash: a class (\s \S \d \D \w \W \h \H \p{..} \P{..}); none, and nothing read, if it is a
// character.
std::optional<CharSet> ParseEscapedSet(RegexReader* in);
uint32_t ParseEscapedCharacter(RegexReader* in);

// With the other case of its letters, which must be ASCII.
CharSet IgnoreCase(const CharSet& set, const RegexReader& in);

}  // namespace mmoe
