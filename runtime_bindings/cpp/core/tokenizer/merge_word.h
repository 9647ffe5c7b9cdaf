#pragma once

#include <cstddef>
#include <cstdint>

#include "core/tokenizer/merge_table.h"

namespace mmoe {

// Byte-pair encoding (Sennrich et al., arXiv 1508.07909) of one word in place: as long as neighbours merge,
// the pair of the lowest rank does, the leftmost of equals. Returns how many ids are left. Time n log n, so a
// word of a million letters is no attack. `size` is below 2^32.
size_t MergeWord(const MergeTable& merges, int32_t* ids, size_t size);

}  // namespace mmoe
