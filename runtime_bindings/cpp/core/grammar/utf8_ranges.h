#pragma once

#include <cstdint>
#include <vector>

#include "core/tokenizer/unicode/char_set.h"

namespace mmoe::grammar {

struct UnitRange {
  uint32_t first;
  uint32_t last;
};
// One range for each place of a fixed-length code: every combination of units within them is a code of the set.
using UnitRanges = std::vector<UnitRange>;

// The codes first..last of `places` digits in base 2^`bits`, as few ranges as possible.
std::vector<UnitRanges> SplitByDigits(uint32_t first, uint32_t last, int bits, int places);

// The characters of a set as bytes of UTF-8. Surrogates have none.
std::vector<UnitRanges> Utf8Ranges(const CharSet& set);

}  // namespace mmoe::grammar
