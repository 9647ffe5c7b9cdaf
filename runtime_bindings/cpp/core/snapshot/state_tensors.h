#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/validation/program_layout.h"

namespace mmoe {

// A tensor of forward that keeps something from call to call: a KV cache, its scales, the ring of a convolution.
// Positions lie along one of its dimensions, `block_rows` of them in each of `blocks` blocks; what is around
// that dimension is `slabs` (kv heads).
struct StateTensor {
  uint32_t memory;  // of the planned buffers, from 1
  uint64_t begin;   // in it
  uint64_t slabs;
  uint64_t blocks;
  uint64_t block_rows;
  uint64_t block_bytes;

  // Blocks of each slab, from the first, that hold anything of a context of `position` tokens. `written`: the
  // positions written since the context began at 0; a ring that has gone round holds something everywhere.
  uint64_t UsedBlocks(int64_t position, int64_t written) const;
  uint64_t UsedBytes(int64_t position, int64_t written) const {
    return slabs * UsedBlocks(position, written) * block_bytes;
  }
};

// Those of a program that ValidateProgram has passed, by their places in memory. None: forward keeps its state
// elsewhere, in a delegate.
std::vector<StateTensor> FindStateTensors(std::string_view file, std::string_view flatbuffer,
                                          const ProgramLayout& layout);

}  // namespace mmoe
