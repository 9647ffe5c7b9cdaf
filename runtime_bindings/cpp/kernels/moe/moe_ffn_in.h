#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa/kernel_set.h"
#include "kernels/moe/moe_ffn.h"
#include "kernels/moe/routed_tokens.h"
#include "kernels/parallel.h"

namespace mmoe {

// One projection of all experts, grouped along the input: weight [E, outputs / 32, inputs / 4, 64] in the panels of
// panel.h, and for each group of G inputs 32 scales, which stand together in the order of the panel's outputs.
struct GroupedExperts {
  const uint8_t* weight;
  const uint16_t* scale;     // float16 [E, outputs / 32, inputs / G, 32]
  const float* float_scale;  // the same in float32, instead of `scale`; nullptr for float16
  const uint8_t* zero;       // [E, outputs / 32, inputs / G, 32], at most 15; nullptr for 8 everywhere
};

// G = group_size; all else as in MoeFfnArgs.
struct MoeFfnInArgs {
  MoeFfnShape shape;
  int64_t group_size;
  RouterOptions router;
  const float* x;              // [T, H]
  const float* router_weight;  // [E, H]
  const float* expert_bias;    // [E]
  GroupedExperts gate_up;      // inputs H, outputs 2F
  GroupedExperts down;         // inputs F, outputs H
  float* out;                  // [T, H]
  const RoutingObserver* observer = nullptr;
};

// nullptr, or what is wrong with the shape.
const char* CheckMoeFfnIn(const MoeFfnShape& shape, int64_t group_size);

// Bounded as that of MoeFfn.
size_t MoeFfnInWorkspaceBytes(const MoeFfnShape& shape, int64_t group_size, const KernelSet& kernels,
                              int num_workers);

// The routed experts of one layer whose weights are grouped along the input. Activations are quantised per token and
// group of G inputs; a group's products are summed as integers, multiplied by (scale * activation scale), and added in
// order. The workspace is 64-byte aligned. A token's result does not depend on the other tokens, the number of workers
// or the instruction set, to the bit.
void MoeFfnIn(const MoeFfnInArgs& args, const KernelSet& kernels, const Parallel& parallel, void* workspace);

}  // namespace mmoe
