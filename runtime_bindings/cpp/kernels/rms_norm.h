#pragma once

#include <cstdint>

#include "kernel_table.h"
#include "parallel.h"

namespace mmoe {

// out[t] = x[t] / sqrt(mean(x[t]^2) + eps) * weight for x [tokens, hidden]; hidden is a multiple of 16.
void RmsNormRows(const KernelTable& kernels, const float* x, const float* weight, int64_t tokens,
                 int64_t hidden, float eps, const Parallel& parallel, float* out);

}  // namespace mmoe
