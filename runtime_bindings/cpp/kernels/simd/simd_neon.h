#pragma once

// simd_portable.h's functions in AArch64 NEON: part p holds lanes 4p..4p+3.

#include <arm_neon.h>

#include <cstdint>
#include <cstring>

#include "kernels/simd/int16_order.h"

namespace mmoe {
namespace {

struct F32x16 {
  float32x4_t part[4];
};

struct I32x16 {
  int32x4_t part[4];
};

struct I16x32 {
  int16x8_t part[4];
};

struct I8x64 {
  int8x16_t part[4];
};

constexpr int kSixteenLaneRegisters = 8;

template <class Function>
inline F32x16 MapParts(const Function& function) {
  return {{function(0), function(1), function(2), function(3)}};
}

// All bits set in the lanes of part p that are below `count`.
inline uint32x4_t LanesBelow(int64_t count, int p) {
  const int bounded = static_cast<int>(count < 0 ? 0 : count > 16 ? 16 : count) - 4 * p;
  const int32x4_t lanes = {0, 1, 2, 3};
  return vcgtq_s32(vdupq_n_s32(bounded), lanes);
}

inline F32x16 Broadcast(float value) {
  return MapParts([&](int) { return vdupq_n_f32(value); });
}
inline F32x16 Load(const float* from) {
  return MapParts([&](int p) { return vld1q_f32(from + 4 * p); });
}
inline void Store(F32x16 a, float* to) {
  for (int p = 0; p < 4; ++p) vst1q_f32(to + 4 * p, a.part[p]);
}
inline F32x16 LoadFirst(const float* from, int64_t count) {
  float lanes[16] = {};
  for (int64_t i = 0; i < count && i < 16; ++i) lanes[i] = from[i];
  return Load(lanes);
}
inline F32x16 LoadFloat16(const uint16_t* from) {
  return MapParts([&](int p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from + 4 * p))); });
}
inline void StoreFloat16(F32x16 a, uint16_t* to) {
  for (int p = 0; p < 4; ++p) vst1_u16(to + 4 * p, vreinterpret_u16_f16(vcvt_f16_f32(a.part[p])));
}
inline F32x16 LoadPairs(const float* from, int64_t count) {
  float lanes[16] = {};
  for (int64_t i = 0; i < count && i < 8; ++i) lanes[2 * i] = lanes[2 * i + 1] = from[i];
  return Load(lanes);
}
inline F32x16 SwapPairs(F32x16 a) {
  return MapParts([&](int p) { return vrev64q_f32(a.part[p]); });
}
inline F32x16 NegateEven(F32x16 a) {
  const uint32x4_t signs = {0x80000000u, 0, 0x80000000u, 0};
  return MapParts(
      [&](int p) { return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a.part[p]), signs)); });
}
inline void StoreFirst(F32x16 a, float* to, int64_t count) {
  float lanes[16];
  Store(a, lanes);
  for (int64_t i = 0; i < count && i < 16; ++i) to[i] = lanes[i];
}
inline F32x16 Add(F32x16 a, F32x16 b) {
  return MapParts([&](int p) { return vaddq_f32(a.part[p], b.part[p]); });
}
inline F32x16 Sub(F32x16 a, F32x16 b) {
  return MapParts([&](int p) { return vsubq_f32(a.part[p], b.part[p]); });
}
inline F32x16 Mul(F32x16 a, F32x16 b) {
  return MapParts([&](int p) { return vmulq_f32(a.part[p], b.part[p]); });
}
inline F32x16 Div(F32x16 a, F32x16 b) {
  return MapParts([&](int p) { return vdivq_f32(a.part[p], b.part[p]); });
}
// A comparison and a selection: vmaxq and vminq would keep a NaN that these must replace with b.
inline F32x16 Max(F32x16 a, F32x16 b) {
  return MapParts([&](int p) { return vbslq_f32(vcgtq_f32(a.part[p], b.part[p]), a.part[p], b.part[p]); });
}
inline F32x16 Min(F32x16 a, F32x16 b) {
  return MapParts([&](int p) { return vbslq_f32(vcltq_f32(a.part[p], b.part[p]), a.part[p], b.part[p]); });
}
inline F32x16 KeepFirst(F32x16 a, int64_t count, float fill) {
  return MapParts([&](int p) { return vbslq_f32(LanesBelow(count, p), a.part[p], vdupq_n_f32(fill)); });
}
inline F32x16 PowerOfTwo(F32x16 biased) {
  return MapParts([&](int p) {
    const int32x4_t exponent = vshlq_n_s32(vreinterpretq_s32_f32(biased.part[p]), 23);
    return vreinterpretq_f32_s32(vaddq_s32(exponent, vdupq_n_s32(0x3f800000)));
  });
}
inline float FirstLane(F32x16 a) { return vgetq_lane_f32(a.part[0], 0); }

// The first two steps of the tree: sixteen lanes to four.
inline float32x4_t AddToFour(const F32x16& a) {
  return vaddq_f32(vaddq_f32(a.part[0], a.part[2]), vaddq_f32(a.part[1], a.part[3]));
}
// Lane i + lane i+2 of two rows, side by side.
inline float32x4_t AddHalves(float32x4_t a, float32x4_t b) {
  const float64x2_t x = vreinterpretq_f64_f32(a), y = vreinterpretq_f64_f32(b);
  return vaddq_f32(vreinterpretq_f32_f64(vzip1q_f64(x, y)), vreinterpretq_f32_f64(vzip2q_f64(x, y)));
}
inline float ReduceAdd(F32x16 a) {
  const float32x4_t four = AddToFour(a);
  return vpadds_f32(vadd_f32(vget_low_f32(four), vget_high_f32(four)));
}
inline F32x16 ReduceAddRows(const F32x16* rows) {
  return MapParts([&](int p) {
    const F32x16* four = rows + 4 * p;
    return vpaddq_f32(AddHalves(AddToFour(four[0]), AddToFour(four[1])),
                      AddHalves(AddToFour(four[2]), AddToFour(four[3])));
  });
}
// Passes over lanes that are not a number.
inline float ReduceMax(F32x16 a) {
  return vmaxnmvq_f32(vmaxnmq_f32(vmaxnmq_f32(a.part[0], a.part[1]), vmaxnmq_f32(a.part[2], a.part[3])));
}

inline I32x16 ZeroInts() { return {{vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)}}; }
inline I32x16 MaxMagnitudeBits(I32x16 bits, F32x16 a) {
  for (int p = 0; p < 4; ++p) {
    bits.part[p] = vmaxq_s32(bits.part[p], vreinterpretq_s32_f32(vabsq_f32(a.part[p])));
  }
  return bits;
}
inline I32x16 MaxInts(I32x16 a, I32x16 b) {
  for (int p = 0; p < 4; ++p) a.part[p] = vmaxq_s32(a.part[p], b.part[p]);
  return a;
}
inline float LargestMagnitude(I32x16 bits) {
  const int32x4_t four =
      vmaxq_s32(vmaxq_s32(bits.part[0], bits.part[1]), vmaxq_s32(bits.part[2], bits.part[3]));
  return vget_lane_f32(vreinterpret_f32_s32(vdup_n_s32(vmaxvq_s32(four))), 0);
}
// Sixteen values to int8.
inline int8x16_t RoundToInt8(const F32x16& a) {
  const int16x8_t low =
      vcombine_s16(vmovn_s32(vcvtnq_s32_f32(a.part[0])), vmovn_s32(vcvtnq_s32_f32(a.part[1])));
  const int16x8_t high =
      vcombine_s16(vmovn_s32(vcvtnq_s32_f32(a.part[2])), vmovn_s32(vcvtnq_s32_f32(a.part[3])));
  return vcombine_s8(vmovn_s16(low), vmovn_s16(high));
}
inline I32x16 StoreInt8(const F32x16* values, int8_t* to, I32x16 sums) {
  for (int j = 0; j < 4; ++j) {
    const int8x16_t bytes = RoundToInt8(values[j]);
    vst1q_s8(to + 16 * j, bytes);
    sums.part[j] = vpadalq_s16(sums.part[j], vpaddlq_s8(bytes));
  }
  return sums;
}
inline I16x32 BroadcastInt16(int16_t value) {
  const int16x8_t all = vdupq_n_s16(value);
  return {{all, all, all, all}};
}
inline I16x32 LoadInt16(const int16_t* from) {
  return {{vld1q_s16(from), vld1q_s16(from + 8), vld1q_s16(from + 16), vld1q_s16(from + 24)}};
}
inline I16x32 ClearSigns(I16x32 a) {
  for (int p = 0; p < 4; ++p) a.part[p] = vandq_s16(a.part[p], vdupq_n_s16(0x7fff));
  return a;
}
constexpr Int16Order kInt16Order = Int16Order::kPlain;
inline void StoreInt16(const F32x16* values, int16_t* to) {
  for (int p = 0; p < 16; ++p) {
    vst1_s16(to + 4 * p, vmovn_s32(vcvtnq_s32_f32(values[p / 4].part[p % 4])));
  }
}
inline I16x32 MulRounded(I16x32 a, I16x32 b) {
  for (int p = 0; p < 4; ++p) a.part[p] = vqrdmulhq_s16(a.part[p], b.part[p]);
  return a;
}
inline I16x32 MaxInt16(I16x32 a, I16x32 b) {
  for (int p = 0; p < 4; ++p) a.part[p] = vmaxq_s16(a.part[p], b.part[p]);
  return a;
}
inline I16x32 MinInt16(I16x32 a, I16x32 b) {
  for (int p = 0; p < 4; ++p) a.part[p] = vminq_s16(a.part[p], b.part[p]);
  return a;
}
inline I16x32 NegateInt16(I16x32 a) {
  for (int p = 0; p < 4; ++p) a.part[p] = vnegq_s16(a.part[p]);
  return a;
}
inline int LargestInt16(I16x32 a) {
  return vmaxvq_s16(vmaxq_s16(vmaxq_s16(a.part[0], a.part[1]), vmaxq_s16(a.part[2], a.part[3])));
}
inline I32x16 StoreInt8(I16x32 a, I16x32 b, int8_t* to, I32x16 sums) {
  for (int p = 0; p < 4; p += 2) {
    vst1q_s8(to + 8 * p, vcombine_s8(vmovn_s16(a.part[p]), vmovn_s16(a.part[p + 1])));
    vst1q_s8(to + 32 + 8 * p, vcombine_s8(vmovn_s16(b.part[p]), vmovn_s16(b.part[p + 1])));
  }
  // At most 254: the sums of two still fit int16.
  for (int p = 0; p < 4; ++p) sums.part[p] = vpadalq_s16(sums.part[p], vaddq_s16(a.part[p], b.part[p]));
  return sums;
}
inline int32_t ReduceAddInts(I32x16 a) {
  return vaddvq_s32(vaddq_s32(vaddq_s32(a.part[0], a.part[1]), vaddq_s32(a.part[2], a.part[3])));
}
inline F32x16 ToFloat(I32x16 a) {
  return MapParts([&](int p) { return vcvtq_f32_s32(a.part[p]); });
}
inline I32x16 JoinSplit(I32x16 high, I32x16 low) {
  for (int p = 0; p < 4; ++p) low.part[p] = vaddq_s32(low.part[p], vshlq_n_s32(high.part[p], 7));
  return low;
}
#if defined(__ARM_FEATURE_MATMUL_INT8)
// Eight upper halves before their lower ones, which smmla takes as two columns.
inline void StoreInt14(const F32x16* values, int8_t* row, int64_t, int64_t at) {
  for (int i = 0; i < 8; ++i) {
    const int32x4_t first = vcvtnq_s32_f32(values[i / 2].part[i % 2 * 2]);
    const int32x4_t second = vcvtnq_s32_f32(values[i / 2].part[i % 2 * 2 + 1]);
    const int16x8_t eight = vcombine_s16(vmovn_s32(first), vmovn_s32(second));
    vst1q_s8(row + 2 * at + 16 * i,
             vcombine_s8(vshrn_n_s16(eight, 7), vand_s8(vmovn_s16(eight), vdup_n_s8(127))));
  }
}
#else
inline void StoreInt14(const F32x16* values, int8_t* row, int64_t length, int64_t at) {
  int8_t *high = row + at, *low = row + length + at;
  for (int i = 0; i < 4; ++i) {
    int16x4_t words[4];
    for (int p = 0; p < 4; ++p) words[p] = vmovn_s32(vcvtnq_s32_f32(values[i].part[p]));
    const int16x8_t first = vcombine_s16(words[0], words[1]), second = vcombine_s16(words[2], words[3]);
    vst1q_s8(high + 16 * i, vcombine_s8(vshrn_n_s16(first, 7), vshrn_n_s16(second, 7)));
    vst1q_s8(low + 16 * i, vandq_s8(vcombine_s8(vmovn_s16(first), vmovn_s16(second)), vdupq_n_s8(127)));
  }
}
#endif

inline I8x64 LoadBytes(const int8_t* from) {
  return {{vld1q_s8(from), vld1q_s8(from + 16), vld1q_s8(from + 32), vld1q_s8(from + 48)}};
}
inline I8x64 BroadcastFourBytes(const int8_t* from) {
  int32_t four;
  std::memcpy(&four, from, sizeof four);
  const int8x16_t part = vreinterpretq_s8_s32(vdupq_n_s32(four));
  return {{part, part, part, part}};
}
inline I32x16 DotSigned(I32x16 sums, I8x64 left, I8x64 b) {
  for (int p = 0; p < 4; ++p) {
#if defined(__ARM_FEATURE_DOTPROD)
    sums.part[p] = vdotq_s32(sums.part[p], left.part[p], b.part[p]);
#else
    const int16x8_t first = vmull_s8(vget_low_s8(left.part[p]), vget_low_s8(b.part[p]));
    const int16x8_t second = vmull_high_s8(left.part[p], b.part[p]);
    sums.part[p] = vaddq_s32(sums.part[p], vpaddq_s32(vpaddlq_s16(first), vpaddlq_s16(second)));
#endif
  }
  return sums;
}
inline I32x16 DotUnsigned(I32x16 sums, I8x64 a, I8x64 b) { return DotSigned(sums, a, b); }
inline I32x16 DotSignedStart(int32_t) { return ZeroInts(); }
inline I8x64 DotSignedLeft(I8x64 a) { return a; }

}  // namespace
}  // namespace mmoe
