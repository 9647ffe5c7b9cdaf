#pragma once

// simd_portable.h's functions in AVX-512 (F, BW, DQ, VL, VNNI).

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/simd/int16_order.h"

namespace mmoe {
namespace {

using F32x16 = __m512;
using I32x16 = __m512i;
using I16x32 = __m512i;
using I8x64 = __m512i;

constexpr int kSixteenLaneRegisters = 32;

inline __mmask16 FirstLanes(int64_t count) {
  return count >= 16 ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1u << count) - 1u);
}

inline F32x16 Broadcast(float value) { return _mm512_set1_ps(value); }
inline F32x16 Load(const float* from) { return _mm512_loadu_ps(from); }
inline F32x16 LoadFirst(const float* from, int64_t count) {
  return _mm512_maskz_loadu_ps(FirstLanes(count), from);
}
inline F32x16 LoadFloat16(const uint16_t* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
inline void StoreFloat16(F32x16 a, uint16_t* to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
inline F32x16 LoadPairs(const float* from, int64_t count) {
  const __mmask8 wanted = static_cast<__mmask8>(FirstLanes(count));
  const __m512 eight = _mm512_castps256_ps512(_mm256_maskz_loadu_ps(wanted, from));
  return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7), eight);
}
inline F32x16 SwapPairs(F32x16 a) { return _mm512_permute_ps(a, 0xb1); }
inline F32x16 NegateEven(F32x16 a) {
  return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(a), _mm512_set1_epi64(0x80000000)));
}
inline void StoreFirst(F32x16 a, float* to, int64_t count) {
  _mm512_mask_storeu_ps(to, FirstLanes(count), a);
}
inline void Store(F32x16 a, float* to) { _mm512_storeu_ps(to, a); }
inline F32x16 Add(F32x16 a, F32x16 b) { return _mm512_add_ps(a, b); }
inline F32x16 Sub(F32x16 a, F32x16 b) { return _mm512_sub_ps(a, b); }
inline F32x16 Mul(F32x16 a, F32x16 b) { return _mm512_mul_ps(a, b); }
inline F32x16 Div(F32x16 a, F32x16 b) { return _mm512_div_ps(a, b); }
inline F32x16 Max(F32x16 a, F32x16 b) { return _mm512_max_ps(a, b); }
inline F32x16 Min(F32x16 a, F32x16 b) { return _mm512_min_ps(a, b); }
inline F32x16 KeepFirst(F32x16 a, int64_t count, float fill) {
  return _mm512_mask_mov_ps(_mm512_set1_ps(fill), FirstLanes(count), a);
}
inline F32x16 PowerOfTwo(F32x16 biased) {
  return _mm512_castsi512_ps(
      _mm512_add_epi32(_mm512_slli_epi32(_mm512_castps_si512(biased), 23), _mm512_set1_epi32(0x3f800000)));
}
inline float FirstLane(F32x16 a) { return _mm512_cvtss_f32(a); }

inline float ReduceAdd(F32x16 a) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  quarter = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
  return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)));
}

// The same tree for 16 rows at once: each step adds the upper half of every row's lanes to the lower half and
// packs two rows into one register, so 15 additions serve all rows.
inline F32x16 ReduceAddRows(const F32x16* rows) {
  __m512 eight[8], four[4], two[2];
  for (int i = 0; i < 8; ++i) {
    const __m512 a = rows[i], b = rows[i + 8];
    eight[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  }
  for (int i = 0; i < 4; ++i) {
    const __m512 a = eight[i], b = eight[i + 4];
    four[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
  }
  for (int i = 0; i < 2; ++i) {
    const __m512d a = _mm512_castps_pd(four[i]), b = _mm512_castps_pd(four[i + 2]);
    two[i] =
        _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  const __m512 one =
      _mm512_add_ps(_mm512_shuffle_ps(two[0], two[1], 0x88), _mm512_shuffle_ps(two[0], two[1], 0xdd));
  // Lane i now holds row order[i]; the permutation is its own inverse.
  const __m512i order = _mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15);
  return _mm512_permutexvar_ps(order, one);
}
inline float ReduceMax(F32x16 a) { return _mm512_reduce_max_ps(a); }

inline I32x16 ZeroInts() { return _mm512_setzero_si512(); }
inline I32x16 MaxMagnitudeBits(I32x16 bits, F32x16 a) {
  return _mm512_max_epi32(bits, _mm512_and_si512(_mm512_castps_si512(a), _mm512_set1_epi32(0x7fffffff)));
}
inline I32x16 MaxInts(I32x16 a, I32x16 b) { return _mm512_max_epi32(a, b); }
inline float LargestMagnitude(I32x16 bits) {
  return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(_mm512_reduce_max_epi32(bits))));
}
// Where 64 values are after packs to 16 bits and then to 8, which work within 128-bit lanes: the permutation
// puts the 32-bit groups back in order.
inline __m512i PackedOrder() {
  return _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}
inline I32x16 StoreInt8(const F32x16* values, int8_t* to, I32x16 sums) {
  const __m512i low = _mm512_packs_epi32(_mm512_cvtps_epi32(values[0]), _mm512_cvtps_epi32(values[1]));
  const __m512i high = _mm512_packs_epi32(_mm512_cvtps_epi32(values[2]), _mm512_cvtps_epi32(values[3]));
  const __m512i packed = _mm512_permutexvar_epi32(PackedOrder(), _mm512_packs_epi16(low, high));
  _mm512_storeu_si512(to, packed);
  return _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(1), packed);
}
inline I16x32 BroadcastInt16(int16_t value) { return _mm512_set1_epi16(value); }
inline I16x32 LoadInt16(const int16_t* from) { return _mm512_loadu_si512(from); }
inline I16x32 ClearSigns(I16x32 a) { return _mm512_and_si512(a, _mm512_set1_epi16(0x7fff)); }
constexpr Int16Order kInt16Order = Int16Order::kAvx512Packs;
// Octets 0, 2, 4, 6 of 64 values, then 1, 3, 5, 7: the pack of StoreInt8, which works within 128-bit lanes,
// puts them in order. Each activation is stored once and packed for every panel.
inline void StoreInt16(const F32x16* values, int16_t* to) {
  const __m512i first = _mm512_packs_epi32(_mm512_cvtps_epi32(values[0]), _mm512_cvtps_epi32(values[1]));
  const __m512i second = _mm512_packs_epi32(_mm512_cvtps_epi32(values[2]), _mm512_cvtps_epi32(values[3]));
  const __m512i even = _mm512_setr_epi64(0, 2, 1, 3, 8, 10, 9, 11);
  const __m512i odd = _mm512_setr_epi64(4, 6, 5, 7, 12, 14, 13, 15);
  _mm512_storeu_si512(to, _mm512_permutex2var_epi64(first, even, second));
  _mm512_storeu_si512(to + 32, _mm512_permutex2var_epi64(first, odd, second));
}
inline I16x32 MulRounded(I16x32 a, I16x32 b) { return _mm512_mulhrs_epi16(a, b); }
inline I16x32 MaxInt16(I16x32 a, I16x32 b) { return _mm512_max_epi16(a, b); }
inline I16x32 MinInt16(I16x32 a, I16x32 b) { return _mm512_min_epi16(a, b); }
inline I16x32 NegateInt16(I16x32 a) { return _mm512_sub_epi16(_mm512_setzero_si512(), a); }
inline int LargestInt16(I16x32 a) {
  const __m256i half = _mm256_max_epi16(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
  const __m128i eight = _mm_max_epi16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  // There is a smallest of eight in one instruction, not a largest.
  const __m128i least = _mm_minpos_epu16(_mm_sub_epi16(_mm_set1_epi16(32767), eight));
  return 32767 - _mm_extract_epi16(least, 0);
}
inline I32x16 StoreInt8(I16x32 a, I16x32 b, int8_t* to, I32x16 sums) {
  const __m512i packed = _mm512_packs_epi16(a, b);
  _mm512_storeu_si512(to, packed);
  return _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(1), packed);
}
inline int32_t ReduceAddInts(I32x16 a) { return _mm512_reduce_add_epi32(a); }
inline F32x16 ToFloat(I32x16 a) { return _mm512_cvtepi32_ps(a); }
inline I32x16 JoinSplit(I32x16 high, I32x16 low) { return _mm512_add_epi32(_mm512_slli_epi32(high, 7), low); }
// 64 at once: packs take one instruction where narrowing a register takes two.
inline void StoreInt14(const F32x16* values, int8_t* row, int64_t length, int64_t at) {
  int8_t *high = row + at, *low = row + length + at;
  const __m512i first = _mm512_packs_epi32(_mm512_cvtps_epi32(values[0]), _mm512_cvtps_epi32(values[1]));
  const __m512i second = _mm512_packs_epi32(_mm512_cvtps_epi32(values[2]), _mm512_cvtps_epi32(values[3]));
  const __m512i mask = _mm512_set1_epi16(127);
  const __m512i upper = _mm512_packs_epi16(_mm512_srai_epi16(first, 7), _mm512_srai_epi16(second, 7));
  const __m512i lower = _mm512_packs_epi16(_mm512_and_si512(first, mask), _mm512_and_si512(second, mask));
  _mm512_storeu_si512(high, _mm512_permutexvar_epi32(PackedOrder(), upper));
  _mm512_storeu_si512(low, _mm512_permutexvar_epi32(PackedOrder(), lower));
}

inline I8x64 LoadBytes(const int8_t* from) { return _mm512_loadu_si512(from); }
inline I8x64 BroadcastFourBytes(const int8_t* from) {
  int32_t four;
  std::memcpy(&four, from, sizeof four);
  return _mm512_set1_epi32(four);
}
inline I32x16 DotUnsigned(I32x16 sums, I8x64 a, I8x64 b) { return _mm512_dpbusd_epi32(sums, a, b); }
// a + 128 is unsigned; the 128 * (sum of b) too many are taken off at the start.
inline I32x16 DotSignedStart(int32_t sum_of_b) { return _mm512_set1_epi32(-128 * sum_of_b); }
inline I8x64 DotSignedLeft(I8x64 a) { return _mm512_xor_si512(a, _mm512_set1_epi8(-128)); }
inline I32x16 DotSigned(I32x16 sums, I8x64 left, I8x64 b) { return _mm512_dpbusd_epi32(sums, left, b); }

}  // namespace
}  // namespace mmoe
