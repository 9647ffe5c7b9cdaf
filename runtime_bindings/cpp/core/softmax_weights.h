#pragma once

#include <cstddef>

#include "kernels/parallel.h"

namespace mmoe {

// weights[i] = e^((logits[i] - largest) / temperature), the numerators of a softmax, within a few units in the last
// place; 0 below e^-700. By operations that IEEE 754 fixes: the C library's e^x differs between machines.
void SoftmaxWeights(const double* logits, size_t count, double largest, double temperature,
                    const Parallel& parallel, double* weights);

}  // namespace mmoe
