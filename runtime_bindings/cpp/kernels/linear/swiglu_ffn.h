#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa/kernel_table.h"
#include "kernels/linear/linear.h"
#include "kernels/parallel.h"

namespace mmoe {

// A dense gated feed-forward block. gate_up holds the panels of the gate matrix, then those of the up matrix,
// each [width, hidden]; down is [hidden, width]. hidden_size and width are multiples of 32.
struct SwigluFfnShape {
  int64_t num_tokens;
  int64_t hidden_size;
  int64_t width;
};

// nullptr, or what is wrong with the shape.
const char* CheckSwigluFfn(const SwigluFfnShape& shape);

size_t SwigluFfnWorkspaceBytes(const SwigluFfnShape& shape, const KernelSet& kernels);

// out [tokens, hidden] = down(silu(gate(x)) * up(x)), in two parallel regions: 32 outputs of the gate and
// their 32 of the up matrix are one quantisation group of the down matrix's input, so one task takes them all
// the way there. The bits are those of Linear, KernelTable::swiglu and Linear in turn.
void SwigluFfn(const SwigluFfnShape& shape, const float* x, const LinearMatrix& gate_up,
               const LinearMatrix& down, const KernelSet& kernels, const Parallel& parallel, void* workspace,
               float* out);

}  // namespace mmoe
