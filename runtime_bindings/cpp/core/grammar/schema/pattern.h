#pragma once

#include <optional>
#include <string_view>

#include "core/grammar/grammar.h"
#include "core/grammar/schema/json_text.h"
#include "core/tokenizer/regex/syntax_tree.h"

namespace mmoe::grammar {

// How many characters a string has.
struct Lengths {
  uint32_t least = 0;
  uint32_t most = kNoLimit;
};

// A regular expression as ECMAScript has it (with the u flag), which a JSON schema's `pattern` is: the string that it is
// about matches it somewhere, unless ^ and $ say where. Only what a regular language can say: throws
// CoreError(MMOE_UNSUPPORTED) for look-around, back references, word boundaries, and ^ or $ inside a group.
RegexNodePtr ParsePattern(std::string_view pattern);

// Strings of such lengths that match it; none if lengths and pattern do not fit together in a way that is built here: the
// pattern may have only fitting strings, or repeat one set of characters.
std::optional<Expression> MatchingContent(const RegexNode& pattern, Lengths lengths, Grammar* grammar,
                                          JsonText* text);

}  // namespace mmoe::grammar
