#pragma once

#include <vector>

#include "core/grammar/grammar.h"

namespace mmoe::grammar {

struct RuleProperties {
  std::vector<bool> nullable;    // by expression: may be the empty text
  std::vector<bool> productive;  // by expression: some text matches it
  std::vector<bool> used;        // by rule: some text of the root needs it
};

// Throws CoreError(MMOE_INVALID_ARGUMENT) if no text matches the root, or if a rule begins with itself: reading from the
// left, that would never come to a character.
RuleProperties CheckRules(const Grammar& grammar);

}  // namespace mmoe::grammar
