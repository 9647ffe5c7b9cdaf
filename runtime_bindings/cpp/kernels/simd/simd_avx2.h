#pragma once

// simd_portable.h's functions in AVX2 with F16C: lanes 0..7 and 8..15 in two registers.

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/simd/int16_order.h"

namespace mmoe {
namespace {

struct F32x16 {
  __m256 low;
  __m256 high;
};

struct I32x16 {
  __m256i low;
  __m256i high;
};

struct I16x32 {
  __m256i low;
  __m256i high;
};

struct I8x64 {
  __m256i low;
  __m256i high;
};

constexpr int kSixteenLaneRegisters = 8;

// All bits set in lanes first..first+7 that are below `count`.
inline __m256i LanesBelow(int64_t count, int first) {
  const int bounded = static_cast<int>(count < 0 ? 0 : count > 16 ? 16 : count) - first;
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(bounded), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline F32x16 Broadcast(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
inline F32x16 Load(const float* from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
inline F32x16 LoadFirst(const float* from, int64_t count) {
  return {_mm256_maskload_ps(from, LanesBelow(count, 0)), _mm256_maskload_ps(from + 8, LanesBelow(count, 8))};
}
inline F32x16 LoadFloat16(const uint16_t* from) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))),
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 8)))};
}
inline void StoreFloat16(F32x16 a, uint16_t* to) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph(a.low, kNearest));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 8), _mm256_cvtps_ph(a.high, kNearest));
}
inline F32x16 LoadPairs(const float* from, int64_t count) {
  const __m256 eight = _mm256_maskload_ps(from, LanesBelow(count, 0));
  return {_mm256_permutevar8x32_ps(eight, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3)),
          _mm256_permutevar8x32_ps(eight, _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7))};
}
inline F32x16 SwapPairs(F32x16 a) {
  return {_mm256_permute_ps(a.low, 0xb1), _mm256_permute_ps(a.high, 0xb1)};
}
inline F32x16 NegateEven(F32x16 a) {
  const __m256 signs = _mm256_castsi256_ps(_mm256_set1_epi64x(0x80000000));
  return {_mm256_xor_ps(a.low, signs), _mm256_xor_ps(a.high, signs)};
}
inline void StoreFirst(F32x16 a, float* to, int64_t count) {
  _mm256_maskstore_ps(to, LanesBelow(count, 0), a.low);
  _mm256_maskstore_ps(to + 8, LanesBelow(count, 8), a.high);
}
inline void Store(F32x16 a, float* to) {
  _mm256_storeu_ps(to, a.low);
  _mm256_storeu_ps(to + 8, a.high);
}
inline F32x16 Add(F32x16 a, F32x16 b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
inline F32x16 Sub(F32x16 a, F32x16 b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
inline F32x16 Mul(F32x16 a, F32x16 b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
inline F32x16 Div(F32x16 a, F32x16 b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
inline F32x16 Max(F32x16 a, F32x16 b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
inline F32x16 Min(F32x16 a, F32x16 b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
inline F32x16 KeepFirst(F32x16 a, int64_t count, float fill) {
  const __m256 other = _mm256_set1_ps(fill);
  return {_mm256_blendv_ps(other, a.low, _mm256_castsi256_ps(LanesBelow(count, 0))),
          _mm256_blendv_ps(other, a.high, _mm256_castsi256_ps(LanesBelow(count, 8)))};
}
inline __m256 PowerOfTwo8(__m256 biased) {
  const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(biased), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_set1_epi32(0x3f800000)));
}
inline F32x16 PowerOfTwo(F32x16 biased) { return {PowerOfTwo8(biased.low), PowerOfTwo8(biased.high)}; }
inline float FirstLane(F32x16 a) { return _mm256_cvtss_f32(a.low); }

// The first two steps of the tree: sixteen lanes to four.
inline __m128 AddToFour(F32x16 a) {
  const __m256 half = _mm256_add_ps(a.low, a.high);
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
inline float ReduceAdd(F32x16 a) {
  const __m128 four = AddToFour(a);
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
// The last two steps for four rows at once: a transposition by halves, then by lanes.
inline __m128 ReduceAddFourRows(const F32x16* rows) {
  const __m128 a = AddToFour(rows[0]), b = AddToFour(rows[1]), c = AddToFour(rows[2]), d = AddToFour(rows[3]);
  const __m128 ab = _mm_add_ps(_mm_movelh_ps(a, b), _mm_movehl_ps(b, a));
  const __m128 cd = _mm_add_ps(_mm_movelh_ps(c, d), _mm_movehl_ps(d, c));
  return _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd));
}
inline F32x16 ReduceAddRows(const F32x16* rows) {
  return {_mm256_set_m128(ReduceAddFourRows(rows + 4), ReduceAddFourRows(rows)),
          _mm256_set_m128(ReduceAddFourRows(rows + 12), ReduceAddFourRows(rows + 8))};
}
inline float ReduceMax(F32x16 a) {
  const __m256 half = _mm256_max_ps(a.low, a.high);
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

inline I32x16 ZeroInts() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
inline __m256i MagnitudeBits(__m256 a) {
  return _mm256_and_si256(_mm256_castps_si256(a), _mm256_set1_epi32(0x7fffffff));
}
inline I32x16 MaxMagnitudeBits(I32x16 bits, F32x16 a) {
  return {_mm256_max_epi32(bits.low, MagnitudeBits(a.low)),
          _mm256_max_epi32(bits.high, MagnitudeBits(a.high))};
}
inline I32x16 MaxInts(I32x16 a, I32x16 b) {
  return {_mm256_max_epi32(a.low, b.low), _mm256_max_epi32(a.high, b.high)};
}
inline float LargestMagnitude(I32x16 bits) {
  const __m256i half = _mm256_max_epi32(bits.low, bits.high);
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return _mm_cvtss_f32(_mm_castsi128_ps(four));
}
// 32 values to int8, in order.
inline __m256i PackInt8(F32x16 a, F32x16 b) {
  const __m256i first = _mm256_packs_epi32(_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high));
  const __m256i second = _mm256_packs_epi32(_mm256_cvtps_epi32(b.low), _mm256_cvtps_epi32(b.high));
  // The packs work within 128-bit lanes; the permutation puts the 32-bit groups back in order.
  return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second),
                                     _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}
inline __m256i AddFours(__m256i sums, __m256i bytes) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes);
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
inline I32x16 StoreInt8(const F32x16* values, int8_t* to, I32x16 sums) {
  const __m256i first = PackInt8(values[0], values[1]), second = PackInt8(values[2], values[3]);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), first);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32), second);
  return {AddFours(sums.low, first), AddFours(sums.high, second)};
}
inline I16x32 BroadcastInt16(int16_t value) { return {_mm256_set1_epi16(value), _mm256_set1_epi16(value)}; }
inline I16x32 LoadInt16(const int16_t* from) {
  const __m256i* halves = reinterpret_cast<const __m256i*>(from);
  return {_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
}
inline I16x32 ClearSigns(I16x32 a) {
  const __m256i mask = _mm256_set1_epi16(0x7fff);
  return {_mm256_and_si256(a.low, mask), _mm256_and_si256(a.high, mask)};
}
inline __m256i PackInt16(__m256 a, __m256 b) {
  const __m256i packed = _mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b));
  return _mm256_permute4x64_epi64(packed, 0xd8);
}
constexpr Int16Order kInt16Order = Int16Order::kAvx2Packs;
// Of 32 values, octets 0 and 2, then 1 and 3: the packs of StoreInt8, which work within 128-bit lanes, put
// them in order.
inline void StoreInt16(const F32x16* values, int16_t* to) {
  __m256i* halves = reinterpret_cast<__m256i*>(to);
  for (int i = 0; i < 4; i += 2) {
    _mm256_storeu_si256(halves + i, PackInt16(values[i].low, values[i + 1].low));
    _mm256_storeu_si256(halves + i + 1, PackInt16(values[i].high, values[i + 1].high));
  }
}
inline I16x32 MulRounded(I16x32 a, I16x32 b) {
  return {_mm256_mulhrs_epi16(a.low, b.low), _mm256_mulhrs_epi16(a.high, b.high)};
}
inline I16x32 MaxInt16(I16x32 a, I16x32 b) {
  return {_mm256_max_epi16(a.low, b.low), _mm256_max_epi16(a.high, b.high)};
}
inline I16x32 MinInt16(I16x32 a, I16x32 b) {
  return {_mm256_min_epi16(a.low, b.low), _mm256_min_epi16(a.high, b.high)};
}
inline I16x32 NegateInt16(I16x32 a) {
  const __m256i zero = _mm256_setzero_si256();
  return {_mm256_sub_epi16(zero, a.low), _mm256_sub_epi16(zero, a.high)};
}
inline int LargestInt16(I16x32 a) {
  const __m256i half = _mm256_max_epi16(a.low, a.high);
  const __m128i eight = _mm_max_epi16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  // There is a smallest of eight in one instruction, not a largest.
  const __m128i least = _mm_minpos_epu16(_mm_sub_epi16(_mm_set1_epi16(32767), eight));
  return 32767 - _mm_extract_epi16(least, 0);
}
inline I32x16 StoreInt8(I16x32 a, I16x32 b, int8_t* to, I32x16 sums) {
  const __m256i first = _mm256_packs_epi16(a.low, a.high), second = _mm256_packs_epi16(b.low, b.high);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), first);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32), second);
  // Sums of four still fit int16, and additions have more pipes than products.
  const __m256i fours = _mm256_add_epi16(_mm256_add_epi16(a.low, a.high), _mm256_add_epi16(b.low, b.high));
  return {_mm256_add_epi32(sums.low, _mm256_madd_epi16(fours, _mm256_set1_epi16(1))), sums.high};
}
inline int32_t ReduceAddInts(I32x16 a) {
  const __m256i half = _mm256_add_epi32(a.low, a.high);
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return _mm_cvtsi128_si32(four);
}
inline F32x16 ToFloat(I32x16 a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }
// As int16, of every four the first and third before the second and fourth: so both halves of a register of bytes,
// widened by shifts, meet theirs.
inline void StoreInt14(const F32x16* values, int8_t* row, int64_t, int64_t at) {
  const __m256i order = _mm256_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15,  //
                                         0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
  __m256i* to = reinterpret_cast<__m256i*>(row + 2 * at);
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_si256(to + i, _mm256_shuffle_epi8(PackInt16(values[i].low, values[i].high), order));
  }
}

}  // namespace
}  // namespace mmoe
