#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa/kernel_set.h"
#include "kernels/linear/linear_activations.h"
#include "kernels/parallel.h"

namespace mmoe {

// A dense int4 matrix in panels of 32 outputs: weight [panels, inputs / 4, 64] as in panel.h, scale float16
// [panels, inputs / 32, 32]. inputs is a multiple of 32. Only matrices of planes (linear_planes.h) have the rest:
// float32 scales instead, and zeros [inputs / 32, 32] that all panels share.
struct LinearMatrix {
  const uint8_t* weight;
  const uint16_t* scale;
  int64_t inputs;
  const float* float_scale = nullptr;
  const uint8_t* zero = nullptr;
};

// Most targets of one call.
constexpr int64_t kMaxLinearTargets = 3;

// Where the panels go: the first LinearPanels(outputs) of them to the first target, the next ones to the next.
struct LinearTarget {
  float* out;  // [tokens, outputs]
  int64_t outputs;
};

constexpr int64_t LinearPanels(int64_t outputs) { return (outputs + kPanelOutputs - 1) / kPanelOutputs; }

// Tokens whose quantised activations stay in the second-level cache while all panels pass; it bounds the scratch.
constexpr int64_t kLinearChunkTokens = 512;

// nullptr, or what is wrong with the sizes.
const char* CheckLinear(int64_t inputs, int64_t outputs);

size_t LinearWorkspaceBytes(int64_t tokens, int64_t inputs, const KernelSet& kernels);

// targets = x [tokens, inputs] . matrix. A token's result does not depend on the other tokens, the number of
// workers or the instruction set, to the bit: activations are quantised per token and group of 32 inputs, a
// group's products are summed as integers, and the groups are added in order.
void Linear(const float* x, int64_t tokens, const LinearMatrix& matrix, const LinearTarget* targets,
            int64_t num_targets, const KernelSet& kernels, const Parallel& parallel, void* workspace);

// The second half of Linear: activations that are quantised already times all panels.
void ProjectPanels(const LinearMatrix& matrix, const LinearActivations& activations,
                   const LinearTarget* targets, int64_t num_targets, const KernelSet& kernels,
                   const Parallel& parallel);

// One panel times one tile, out [tokens of the tile, 32].
void ProjectTile(const LinearMatrix& matrix, int64_t panel, const LinearTiles& activations, int64_t tile,
                 const KernelTable& kernels, float* out, int64_t out_stride);

// The same for two panels, out outs[i] [tokens of the tile, 32]; of a single token they are read side by side where that is faster.
void ProjectTwoPanels(const LinearMatrix& matrix, const int64_t (&panels)[2], const LinearTiles& activations,
                      int64_t tile, const KernelTable& kernels, float* const (&outs)[2], int64_t out_stride);

}  // namespace mmoe
