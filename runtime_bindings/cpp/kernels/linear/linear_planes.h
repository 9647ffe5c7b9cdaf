#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa/kernel_set.h"
#include "kernels/parallel.h"

namespace mmoe {

// A dense matrix of int8 weights as planes of nibbles. Of each group of 32 inputs the planes follow each other, each as
// if it were a group of its own, so that weight is [panels, planes * inputs / 4, 64] as in panel.h and scale float16 or
// float32 [panels, planes * inputs / 32, 32]. Even planes hold upper nibbles, whose zero is 8, odd planes lower ones,
// whose zero is 0; a weight is the sum over planes of scale * (nibble - zero).
struct PlaneMatrix {
  const uint8_t* weight;
  const uint16_t* scale;     // nullptr if there are
  const float* float_scale;  // these
  int64_t inputs;
  int64_t
      planes;  // 2: one scale per 32 inputs; 4: two scales, of which the second two planes have the later 16 inputs
};

// nullptr, or what is wrong with the sizes.
const char* CheckLinearPlanes(int64_t inputs, int64_t outputs, int64_t planes);

size_t LinearPlanesWorkspaceBytes(int64_t tokens, int64_t inputs, int64_t planes, const KernelSet& kernels);

// out [tokens, outputs] = x [tokens, inputs] . matrix, as Linear computes it with every plane's group in turn.
void LinearPlanes(const float* x, int64_t tokens, const PlaneMatrix& matrix, int64_t outputs, float* out,
                  const KernelSet& kernels, const Parallel& parallel, void* workspace);

// out float32 [count, inputs] = rows of the matrix; indices [count], each one of its outputs.
void EmbeddingPlanes(const PlaneMatrix& matrix, const int64_t* indices, int64_t count,
                     const Parallel& parallel, float* out);

}  // namespace mmoe
