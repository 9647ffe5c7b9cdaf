#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa/kernel_set.h"
#include "kernels/moe/routed_tokens.h"
#include "kernels/parallel.h"

namespace mmoe {

// The routed experts of one layer: router, top-k, dispatch, gate/up projection, SwiGLU, down projection, combine.
struct MoeFfnShape {
  int64_t num_tokens;
  int64_t hidden_size;
  int64_t num_experts;
  int64_t intermediate_size;
  int64_t top_k;
};

// H = hidden_size, E = num_experts, F = intermediate_size, T = num_tokens; scales are float16, all else as typed.
struct MoeFfnArgs {
  MoeFfnShape shape;
  RouterOptions router;
  const float* x;                 // [T, H]
  const float* router_weight;     // [E, H]
  const float* expert_bias;       // [E]
  const uint8_t* gate_up_weight;  // [E, 2F/32, H/4, 64], see panel.h
  const uint16_t* gate_up_scale;  // [E, 2F/32, H]
  const uint8_t* down_weight;     // [E, H/32, F/4, 64]
  const uint16_t* down_scale;     // [E, H/32, F]
  float* out;                     // [T, H]
  const RoutingObserver* observer = nullptr;
};

// nullptr, or what is wrong with the shape.
const char* CheckMoeFfn(const MoeFfnShape& shape);

// Bounded: tokens are processed at most 512 at a time, fewer for a large top_k.
size_t MoeFfnWorkspaceBytes(const MoeFfnShape& shape, const KernelSet& kernels, int num_workers);

// The workspace is 64-byte aligned. A token's result does not depend on the other tokens, the number of
// workers or the instruction set, to the bit.
void MoeFfn(const MoeFfnArgs& args, const KernelSet& kernels, const Parallel& parallel, void* workspace);

}  // namespace mmoe
