#pragma once

#include "kernels/parallel.h"

namespace mmoe {

// The threads of every operator and of what else computes around a program: those that were last set, until then ExecuTorch's.
// A pool that is set must outlive its use. Exported for libmmoe, which has the operators as a library.
__attribute__((visibility("default"))) Parallel OperatorParallel();
__attribute__((visibility("default"))) void SetOperatorPool(const Parallel* pool);  // nullptr: ExecuTorch's

}  // namespace mmoe
