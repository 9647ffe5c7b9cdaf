#pragma once

#include <cstdint>
#include <vector>

#include "core/tokenizer/merge_table.h"

namespace mmoe {

// Byte-pair encoding (Sennrich et al., arXiv 1508.07909) of one word in place: as long as neighbours merge,
// the pair of the lowest rank does, the leftmost of equals. Time n log n, so a word of a million letters is no attack.
void MergeWord(const MergeTable& merges, std::vector<int32_t>* word);

}  // namespace mmoe
