#pragma once

// Sixteen float lanes in plain C++: the reference for every simd_*.h. An instruction set implements exactly
// these functions; the *-inl.h files are written on top of them and never differ between instruction sets.

#include <cstdint>
#include <cstring>

#include "kernels/simd/float16.h"
#include "kernels/simd/int16_order.h"

namespace mmoe {
namespace {

struct F32x16 {
  float lane[16];
};

struct I32x16 {
  int32_t lane[16];
};

// How many F32x16 the registers hold, roughly: tiles of accumulators are cut to fit.
constexpr int kSixteenLaneRegisters = 8;

struct I16x32 {
  int16_t lane[32];
};

struct I8x64 {
  int8_t byte[64];
};

inline int32_t BitsOf(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float FloatOf(int32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class Function>
inline F32x16 Map(const Function& function) {
  F32x16 result;
  for (int i = 0; i < 16; ++i) result.lane[i] = function(i);
  return result;
}

inline F32x16 Broadcast(float value) {
  return Map([&](int) { return value; });
}
inline F32x16 Load(const float* from) {
  return Map([&](int i) { return from[i]; });
}
// The first `count` lanes; the others are zero.
inline F32x16 LoadFirst(const float* from, int64_t count) {
  return Map([&](int i) { return i < count ? from[i] : 0.0f; });
}
inline F32x16 LoadFloat16(const uint16_t* from) {
  return Map([&](int i) { return Float16ToFloat(from[i]); });
}
// Rounds to nearest even; infinity above 65519.99.
inline void StoreFloat16(F32x16 a, uint16_t* to) {
  for (int i = 0; i < 16; ++i) to[i] = FloatToFloat16(a.lane[i]);
}
// Lanes 2i and 2i+1 are from[i] for i < count; the others are zero.
inline F32x16 LoadPairs(const float* from, int64_t count) {
  return Map([&](int i) { return i / 2 < count ? from[i / 2] : 0.0f; });
}
// Lanes 2i and 2i+1 change places.
inline F32x16 SwapPairs(F32x16 a) {
  return Map([&](int i) { return a.lane[i ^ 1]; });
}
// Changes the sign of lanes 0, 2, 4...
inline F32x16 NegateEven(F32x16 a) {
  return Map([&](int i) { return i % 2 == 0 ? -a.lane[i] : a.lane[i]; });
}
inline void StoreFirst(F32x16 a, float* to, int64_t count) {
  for (int64_t i = 0; i < count && i < 16; ++i) to[i] = a.lane[i];
}
inline void Store(F32x16 a, float* to) { StoreFirst(a, to, 16); }
inline F32x16 Add(F32x16 a, F32x16 b) {
  return Map([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline F32x16 Sub(F32x16 a, F32x16 b) {
  return Map([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline F32x16 Mul(F32x16 a, F32x16 b) {
  return Map([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline F32x16 Div(F32x16 a, F32x16 b) {
  return Map([&](int i) { return a.lane[i] / b.lane[i]; });
}
// Max and Min give b where a lane is not a number, as the x86 instructions do.
inline F32x16 Max(F32x16 a, F32x16 b) {
  return Map([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline F32x16 Min(F32x16 a, F32x16 b) {
  return Map([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}
// Lanes from `count` on become `fill`.
inline F32x16 KeepFirst(F32x16 a, int64_t count, float fill) {
  return Map([&](int i) { return i < count ? a.lane[i] : fill; });
}
// 2^n, where `biased` is n + 1.5 * 2^23 (the integer n stands in the low bits of the float).
inline F32x16 PowerOfTwo(F32x16 biased) {
  return Map([&](int i) {
    return FloatOf(static_cast<int32_t>((static_cast<uint32_t>(BitsOf(biased.lane[i])) << 23) + 0x3f800000u));
  });
}
inline float FirstLane(F32x16 a) { return a.lane[0]; }

// Sum of all lanes by the fixed tree: lane i + lane i+8, then i+4, i+2, i+1.
inline float ReduceAdd(F32x16 a) {
  for (int width = 8; width >= 1; width /= 2) {
    for (int i = 0; i < width; ++i) a.lane[i] = a.lane[i] + a.lane[i + width];
  }
  return a.lane[0];
}
// Lane i is ReduceAdd(rows[i]).
inline F32x16 ReduceAddRows(const F32x16* rows) {
  return Map([&](int i) { return ReduceAdd(rows[i]); });
}
inline float ReduceMax(F32x16 a) {
  float result = a.lane[0];
  for (int i = 1; i < 16; ++i) result = a.lane[i] > result ? a.lane[i] : result;
  return result;
}

inline I32x16 ZeroInts() {
  I32x16 result = {};
  return result;
}
// Bit patterns of |a|, which order like the values, with every NaN above infinity.
inline I32x16 MaxMagnitudeBits(I32x16 bits, F32x16 a) {
  for (int i = 0; i < 16; ++i) {
    const int32_t magnitude = BitsOf(a.lane[i]) & 0x7fffffff;
    bits.lane[i] = magnitude > bits.lane[i] ? magnitude : bits.lane[i];
  }
  return bits;
}
inline I32x16 MaxInts(I32x16 a, I32x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] = b.lane[i] > a.lane[i] ? b.lane[i] : a.lane[i];
  return a;
}
inline float LargestMagnitude(I32x16 bits) {
  int32_t result = 0;
  for (int i = 0; i < 16; ++i) result = bits.lane[i] > result ? bits.lane[i] : result;
  return FloatOf(result);
}
// Rounds 64 values of at most 127 in magnitude to the nearest even int8, stores them and adds them to `sums`.
inline I32x16 StoreInt8(const F32x16* values, int8_t* to, I32x16 sums) {
  for (int j = 0; j < 4; ++j) {
    for (int i = 0; i < 16; ++i) {
      const int32_t rounded = BitsOf(values[j].lane[i] + 12582912.0f) - BitsOf(12582912.0f);
      to[16 * j + i] = static_cast<int8_t>(rounded);
      sums.lane[i] += rounded;
    }
  }
  return sums;
}
inline I16x32 BroadcastInt16(int16_t value) {
  I16x32 result;
  for (int16_t& lane : result.lane) lane = value;
  return result;
}
inline I16x32 LoadInt16(const int16_t* from) {
  I16x32 result;
  std::memcpy(result.lane, from, sizeof result.lane);
  return result;
}
// Without the sign bits.
inline I16x32 ClearSigns(I16x32 a) {
  for (int16_t& lane : a.lane) lane = static_cast<int16_t>(lane & 0x7fff);
  return a;
}
constexpr Int16Order kInt16Order = Int16Order::kPlain;
// Rounds 64 values of at most 32767 in magnitude to the nearest even int16, in the order in which StoreInt8
// wants to read them, which an instruction set is free to choose.
inline void StoreInt16(const F32x16* values, int16_t* to) {
  for (int i = 0; i < 64; ++i) {
    to[i] = static_cast<int16_t>(BitsOf(values[i / 16].lane[i % 16] + 12582912.0f) - BitsOf(12582912.0f));
  }
}
// a * b / 2^15, halves up. No lane is -32768.
inline I16x32 MulRounded(I16x32 a, I16x32 b) {
  for (int i = 0; i < 32; ++i) a.lane[i] = static_cast<int16_t>((a.lane[i] * b.lane[i] + (1 << 14)) >> 15);
  return a;
}
inline I16x32 MaxInt16(I16x32 a, I16x32 b) {
  for (int i = 0; i < 32; ++i) a.lane[i] = b.lane[i] > a.lane[i] ? b.lane[i] : a.lane[i];
  return a;
}
inline I16x32 MinInt16(I16x32 a, I16x32 b) {
  for (int i = 0; i < 32; ++i) a.lane[i] = b.lane[i] < a.lane[i] ? b.lane[i] : a.lane[i];
  return a;
}
// No lane is -32768.
inline I16x32 NegateInt16(I16x32 a) {
  for (int16_t& lane : a.lane) lane = static_cast<int16_t>(-lane);
  return a;
}
inline int LargestInt16(I16x32 a) {
  int result = a.lane[0];
  for (int i = 1; i < 32; ++i) result = a.lane[i] > result ? a.lane[i] : result;
  return result;
}
// Stores 64 values that fit int8, which came in the order of StoreInt16, in theirs, and adds them to `sums`.
inline I32x16 StoreInt8(I16x32 a, I16x32 b, int8_t* to, I32x16 sums) {
  for (int i = 0; i < 32; ++i) {
    to[i] = static_cast<int8_t>(a.lane[i]);
    to[32 + i] = static_cast<int8_t>(b.lane[i]);
    sums.lane[i % 16] += a.lane[i] + b.lane[i];
  }
  return sums;
}
inline int32_t ReduceAddInts(I32x16 a) {
  int32_t result = 0;
  for (int i = 0; i < 16; ++i) result += a.lane[i];
  return result;
}
inline F32x16 ToFloat(I32x16 a) {
  return Map([&](int i) { return static_cast<float>(a.lane[i]); });
}
// 128 * high + low
inline I32x16 JoinSplit(I32x16 high, I32x16 low) {
  for (int i = 0; i < 16; ++i) high.lane[i] = high.lane[i] * 128 + low.lane[i];
  return high;
}
// Rounds 64 values in -8192..16383 to the nearest even integers n and stores them from place `at` on in a row of
// `length`: here n / 128, rounded down, and behind all of these n mod 128, with vpmaddwd as int16 (simd_avx2.h).
inline void StoreInt14(const F32x16* values, int8_t* row, int64_t length, int64_t at) {
  int8_t *high = row + at, *low = row + length + at;
  for (int i = 0; i < 64; ++i) {
    const int32_t rounded = BitsOf(values[i / 16].lane[i % 16] + 12582912.0f) - BitsOf(12582912.0f);
    high[i] = static_cast<int8_t>(rounded >> 7);
    low[i] = static_cast<int8_t>(rounded & 127);
  }
}

inline I8x64 LoadBytes(const int8_t* from) {
  I8x64 result;
  std::memcpy(result.byte, from, sizeof result.byte);
  return result;
}
// from[0..3] sixteen times.
inline I8x64 BroadcastFourBytes(const int8_t* from) {
  I8x64 result;
  for (int i = 0; i < 64; ++i) result.byte[i] = from[i % 4];
  return result;
}
// Lane i gains the sum over j = 0..3 of a[4i + j] * b[4i + j].
inline I32x16 AddFourProducts(I32x16 sums, I8x64 a, I8x64 b) {
  for (int i = 0; i < 64; ++i) sums.lane[i / 4] += int32_t{a.byte[i]} * int32_t{b.byte[i]};
  return sums;
}
// AddFourProducts for a in 0..127.
inline I32x16 DotUnsigned(I32x16 sums, I8x64 a, I8x64 b) { return AddFourProducts(sums, a, b); }
// AddFourProducts for a and b in -127..127 in three parts, since many CPUs multiply unsigned by signed bytes
// only: sums begin as DotSignedStart(the sum of all b of a lane), a goes through DotSignedLeft.
inline I32x16 DotSignedStart(int32_t) { return ZeroInts(); }
inline I8x64 DotSignedLeft(I8x64 a) { return a; }
inline I32x16 DotSigned(I32x16 sums, I8x64 left, I8x64 b) { return AddFourProducts(sums, left, b); }

}  // namespace
}  // namespace mmoe
