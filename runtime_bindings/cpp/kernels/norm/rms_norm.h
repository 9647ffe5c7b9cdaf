#pragma once

#include <cstdint>

#include "kernels/isa/kernel_table.h"
#include "kernels/parallel.h"

namespace mmoe {

// out[t] = x[t] / sqrt(mean(x[t]^2) + eps) * weight for x [tokens, hidden]; hidden is a multiple of 16.
void RmsNormRows(const KernelTable& kernels, const float* x, const float* weight, int64_t tokens,
                 int64_t hidden, float eps, const Parallel& parallel, float* out);

// All [tokens, hidden], hidden a multiple of 16: sum = residual + (x + y), or residual + x if y is nullptr,
// and out is the sum normalised as above.
struct AddRmsNormArgs {
  int64_t tokens;
  int64_t hidden;
  const float* residual;
  const float* x;
  const float* y;
  const float* weight;
  float eps;
  float* sum;
  float* out;
};
void AddRmsNormRows(const KernelTable& kernels, const AddRmsNormArgs& args, const Parallel& parallel);

}  // namespace mmoe
