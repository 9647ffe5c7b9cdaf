#pragma once

#include <cstdint>

#include "kernels/arena.h"
#include "kernels/isa/kernel_table.h"
#include "kernels/linear/linear_dot.h"
#include "kernels/parallel.h"

namespace mmoe {

// Most tokens of any instruction set's tile.
constexpr int64_t kLargestLinearTile = 64;

// A batch of quantised activations [tokens, inputs], cut into tiles of about equal size.
class LinearActivations {
 public:
  LinearActivations(Arena& arena, int64_t tokens, int64_t inputs, int64_t largest_tile);

  int64_t tokens() const { return tokens_; }
  int64_t tiles() const { return tiles_; }
  int64_t first_token(int64_t tile) const { return tokens_ * tile / tiles_; }
  LinearTile tile(int64_t index) const;

  // Fills all tiles from x [tokens, inputs].
  void Quantize(const float* x, const KernelTable& kernels, const Parallel& parallel) const;

 private:
  int64_t tokens_;
  int64_t groups_;
  int64_t tiles_;
  int8_t* values_;
  float* steps_;
  int32_t* offsets_;
};

}  // namespace mmoe
