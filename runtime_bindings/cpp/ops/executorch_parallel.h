#pragma once

#include "kernels/parallel.h"

namespace mmoe {

// ExecuTorch's one pool, shared with XNNPACK and the stock kernels; serial where the caller has switched it off.
Parallel ExecutorchParallel();

}  // namespace mmoe
