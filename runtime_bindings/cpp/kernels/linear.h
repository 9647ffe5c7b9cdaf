#pragma once

#include <cstddef>
#include <cstdint>

#include "arena.h"
#include "kernel_table.h"
#include "linear_dot.h"
#include "parallel.h"

namespace mmoe {

// A dense int4 matrix in panels of 32 outputs: weight [panels, inputs / 4, 64] as in panel.h, scale float16
// [panels, inputs / 32, 32]. inputs is a multiple of 32.
struct LinearMatrix {
  const uint8_t* weight;
  const uint16_t* scale;
  int64_t inputs;
};

// Where the panels go: the first ceil(outputs / 32) of them to the first target, the next ones to the next.
struct LinearTarget {
  float* out;  // [tokens, outputs]
  int64_t outputs;
};

constexpr int64_t LinearPanels(int64_t outputs) { return (outputs + kPanelOutputs - 1) / kPanelOutputs; }

// A batch of quantised activations [tokens, inputs], cut into tiles of equal size.
class LinearActivations {
 public:
  LinearActivations(Arena& arena, int64_t tokens, int64_t inputs, int64_t largest_tile);

  int64_t tiles() const { return tiles_; }
  int64_t first_token(int64_t tile) const { return tokens_ * tile / tiles_; }
  LinearTile tile(int64_t index) const;

  // All tokens of x [tokens, inputs].
  void Quantize(const float* x, const KernelTable& kernels, const Parallel& parallel);

 private:
  int64_t tokens_;
  int64_t groups_;
  int64_t tiles_;
  int8_t* values_;
  float* steps_;
  int32_t* offsets_;
};

// One panel times one tile into out [tile.tokens, 32]; while the last tile is at work the next panel is
// fetched.
void ProjectTile(const LinearMatrix& matrix, int64_t panel, const LinearActivations& activations,
                 int64_t tile, const KernelTable& kernels, float* out, int64_t out_stride);

// nullptr, or what is wrong with the sizes.
const char* CheckLinear(int64_t inputs, int64_t outputs);

size_t LinearWorkspaceBytes(int64_t tokens, int64_t inputs, const KernelTable& kernels);

// targets = x [tokens, inputs] . matrix. A token's result does not depend on the other tokens, the number of
// workers or the instruction set, to the bit: activations are quantised per token and group of 32 inputs, a
// group's products are summed as integers, and the groups are added in order.
void Linear(const float* x, int64_t tokens, const LinearMatrix& matrix, const LinearTarget* targets,
            int64_t num_targets, const KernelTable& kernels, const Parallel& parallel, void* workspace);

}  // namespace mmoe
