#pragma once

// What the AArch64 files of panel products share. A quad is a quarter of a panel's 64-byte block: 16 bytes
// with four inputs of outputs 4q..4q+3 (low nibbles) and 16+4q..16+4q+3 (high nibbles).

#include <arm_neon.h>

#include <cstdint>

#include "kernels/panel.h"

namespace mmoe {
namespace {

constexpr int kPanelQuads = 4;
constexpr int kQuadBytes = 16;

// Weights 0..15 are the same number signed and unsigned.
inline int8x16_t LowNibbles(uint8x16_t bytes) { return vreinterpretq_s8_u8(vandq_u8(bytes, vdupq_n_u8(15))); }
inline int8x16_t HighNibbles(uint8x16_t bytes) { return vreinterpretq_s8_u8(vshrq_n_u8(bytes, 4)); }

// to[0..3] = (sums - offset) * activation_scale
inline void StoreScaled(int32x4_t sums, int32_t offset, float activation_scale, float* to) {
  vst1q_f32(to, vmulq_n_f32(vcvtq_f32_s32(vsubq_s32(sums, vdupq_n_s32(offset))), activation_scale));
}

// result + sums * (scale * activation_scale)
inline float32x4_t AddScaled(float32x4_t result, int32x4_t sums, float32x4_t scale, float activation_scale) {
  return vaddq_f32(result, vmulq_f32(vcvtq_f32_s32(sums), vmulq_n_f32(scale, activation_scale)));
}

inline float32x4_t LoadFourFloat16(const uint16_t* from) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from)));
}

// Asks for a line for each block of kInputs inputs. Through a register, because GCC otherwise adds each line's place to
// an index and that to the address: three instructions for a line instead of one.
template <int64_t kInputs>
inline void PrefetchBlocks(const uint8_t* lines, int64_t step = kPanelBlockBytes) {
  __asm__("" : "+r"(lines));
  for (int64_t b = 0; b < kInputs / kPanelBlockInputs; ++b) __builtin_prefetch(lines + b * step);
}

}  // namespace
}  // namespace mmoe
