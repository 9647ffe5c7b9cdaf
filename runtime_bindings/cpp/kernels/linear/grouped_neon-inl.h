#pragma once

// What the NEON files of a dense linear's products share about its groups; a dense group has float16 scales and a zero
// of 8.

#include "kernels/linear/linear_dot.h"
#include "kernels/simd/panel_neon.h"

namespace mmoe {
namespace {

// The scales of four outputs; `at` counts the scales of the panel.
template <bool kDense>
inline float32x4_t LoadFourScales(const LinearDotArgs& args, int64_t at) {
  if (kDense || args.float_scale == nullptr) return LoadFourFloat16(args.scale + at);
  return vld1q_f32(args.float_scale + at);
}

// What a token's sums of four outputs begin with; `offset` is that of a zero of 8.
template <bool kDense>
inline int32x4_t FourOffsets(const LinearDotArgs& args, int64_t at, int32_t offset) {
  if (kDense || args.zero == nullptr) return vdupq_n_s32(offset);
  const uint8_t* zero = args.zero + at;
  const int32_t zeros[4] = {zero[0], zero[1], zero[2], zero[3]};
  return vmulq_n_s32(vld1q_s32(zeros), offset / kWeightOffset);
}

}  // namespace
}  // namespace mmoe
