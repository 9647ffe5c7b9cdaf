#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/arena.h"
#include "kernels/isa/kernel_set.h"
#include "kernels/linear/tiled_rows.h"
#include "kernels/parallel.h"

namespace mmoe {

// Most tokens of any instruction set's tile.
constexpr int64_t kLargestLinearTile = 64;

// A batch of quantised activations [tokens, inputs] in blocks, of which a task takes one with a panel or two.
class LinearActivations {
 public:
  LinearActivations(Arena& arena, int64_t tokens, int64_t inputs, const KernelSet& kernels);

  // What task 0..blocks() * tasks_of_block-1 is: a block and the `index`th task of it.
  struct BlockTask {
    int64_t block;
    int64_t index;
  };

  BlockTask TaskAt(int64_t task, int64_t tasks_of_block) const;

  int64_t tokens() const { return tokens_; }
  int64_t blocks() const { return (tokens_ + block_ - 1) / block_; }
  RowRange block(int64_t index) const { return {index * block_, std::min(tokens_, (index + 1) * block_)}; }

  // The tiles of a block as a worker of this kind reads them.
  LinearTiles tiles(int64_t block, int kind) const { return rows_.Of(this->block(block), kind); }

  // Whether every worker takes all tokens as one tile, which streams through the weights.
  bool streams() const;

  // After a worker of this kind wrote groups of a block's row; see TiledRows.
  void CopyGroups(int64_t block, int kind, int64_t row, int64_t first_group, int64_t count) const {
    rows_.CopyGroups(this->block(block), kind, row, first_group, count);
  }

  // Fills all tiles: quantise(tile, t, token, kernels) writes all groups of token `token` to row t of the tile.
  template <class QuantizeToken>
  void Fill(const KernelSet& kernels, const Parallel& parallel, const QuantizeToken& quantize) const;

  // Fills all tiles from x [tokens, inputs].
  void Quantize(const float* x, const KernelSet& kernels, const Parallel& parallel) const;

 private:
  // A token of 768 quantises in about 0.2 us, a parallel region takes about 1 us to start.
  static constexpr int64_t kTokensPerTask = 16;

  int64_t tokens_;
  int64_t block_;  // tokens of all blocks but the last
  int kinds_;
  TiledRows rows_;
};

template <class QuantizeToken>
void LinearActivations::Fill(const KernelSet& kernels, const Parallel& parallel,
                             const QuantizeToken& quantize) const {
  const int64_t parts = (block_ + kTokensPerTask - 1) / kTokensPerTask;
  ParallelFor(parallel, blocks() * parts, [&](int64_t task, int worker) {
    const int64_t block_index = task / parts, part = task % parts;
    // As the first kind has them, whoever writes.
    const LinearTiles to = tiles(block_index, 0);
    for (int64_t index = to.count * part / parts; index < to.count * (part + 1) / parts; ++index) {
      const LinearTile tile = to.tile(index);
      for (int64_t t = 0; t < tile.tokens; ++t) {
        const int64_t row = to.first_row(index) + t;
        quantize(tile, t, block(block_index).begin + row, kernels.ForWorker(worker));
        CopyGroups(block_index, 0, row, 0, rows_.groups());
      }
    }
  });
}

}  // namespace mmoe
