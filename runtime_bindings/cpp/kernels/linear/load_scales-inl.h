#pragma once

// The scales of sixteen outputs, for the instruction sets whose vectors hold as many; behind a simd_*.h.

#include "kernels/linear/linear_dot.h"

namespace mmoe {
namespace {

// `at` counts the scales of the panel; a dense linear's are float16.
template <bool kDense>
inline F32x16 LoadScales(const LinearDotArgs& args, int64_t at) {
  if (kDense || args.float_scale == nullptr) return LoadFloat16(args.scale + at);
  return Load(args.float_scale + at);
}

}  // namespace
}  // namespace mmoe
