#pragma once

// AVX-512's intrinsics for processors without it: SIMDe's, and in halves of AVX2 those that its version 0.7.4 lacks. Included
// before everything else in a file that is compiled with -mavx2 -mf16c: <immintrin.h>'s names mean these from here on.

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>

namespace simde_avx512 {

struct FloatHalves {
  __m256 low;
  __m256 high;
};

struct IntHalves {
  __m256i low;
  __m256i high;
};

inline IntHalves Split(__m512i a) { return {_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1)}; }
inline FloatHalves Split(__m512 a) {
  const auto [low, high] = Split(_mm512_castps_si512(a));
  return {_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)};
}

inline __m512i Join(__m256i low, __m256i high) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
inline __m512 Join(__m256 low, __m256 high) {
  return _mm512_castsi512_ps(Join(_mm256_castps_si256(low), _mm256_castps_si256(high)));
}

inline __m512 FloatsOfInts(__m512i a) {
  const auto [low, high] = Split(a);
  return Join(_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high));
}
inline __m512i IntsOfFloats(__m512 a) {
  const auto [low, high] = Split(a);
  return Join(_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high));
}
inline __m512i IntsOfBytes(__m128i a) {
  return Join(_mm256_cvtepu8_epi32(a), _mm256_cvtepu8_epi32(_mm_srli_si128(a, 8)));
}
inline __m512 FloatsOfFloat16s(__m256i a) {
  return Join(_mm256_cvtph_ps(_mm256_castsi256_si128(a)), _mm256_cvtph_ps(_mm256_extracti128_si256(a, 1)));
}
template <int kRounding>
__m256i Float16sOfFloats(__m512 a) {
  // The instruction of AVX2 always leaves the flags alone, and has no bit to say so.
  constexpr int kDirection = kRounding & ~_MM_FROUND_NO_EXC;
  const auto [low, high] = Split(a);
  return _mm256_set_m128i(_mm256_cvtps_ph(high, kDirection), _mm256_cvtps_ph(low, kDirection));
}
template <int kShift>
__m512i ShiftInts(__m512i a) {
  const auto [low, high] = Split(a);
  return Join(_mm256_srai_epi32(low, kShift), _mm256_srai_epi32(high, kShift));
}
template <int kOrder>
__m512 Permute(__m512 a) {
  const auto [low, high] = Split(a);
  return Join(_mm256_permute_ps(low, kOrder), _mm256_permute_ps(high, kOrder));
}
template <int kHalf>
__m256 Half(__m512 a) {
  return kHalf == 0 ? Split(a).low : Split(a).high;
}

// Lane by lane, as addresses of lanes that are masked out may be anywhere.
template <typename Vector>
Vector LoadMasked(unsigned mask, const float* from) {
  float lanes[sizeof(Vector) / sizeof(float)] = {};
  for (size_t i = 0; i < std::size(lanes); ++i) {
    if ((mask >> i & 1) != 0) lanes[i] = from[i];
  }
  Vector loaded;
  std::memcpy(&loaded, lanes, sizeof loaded);
  return loaded;
}
inline void StoreMasked(float* to, __mmask16 mask, __m512 a) {
  float lanes[16];
  std::memcpy(lanes, &a, sizeof lanes);
  for (int i = 0; i < 16; ++i) {
    if ((mask >> i & 1) != 0) to[i] = lanes[i];
  }
}

// Halves with halves, quarters with quarters, as compilers expand the intrinsics of reductions.
template <typename Lane, typename Vector, typename Function>
Lane Reduce(Vector a, const Function& function) {
  Lane lanes[16];
  std::memcpy(lanes, &a, sizeof lanes);
  for (int count = 8; count > 0; count /= 2) {
    for (int i = 0; i < count; ++i) lanes[i] = function(lanes[i], lanes[i + count]);
  }
  return lanes[0];
}
inline int32_t Largest(__m512i a) {
  return Reduce<int32_t>(a, [](int32_t x, int32_t y) { return std::max(x, y); });
}
inline float Largest(__m512 a) {
  return Reduce<float>(a, [](float x, float y) { return std::max(x, y); });
}
inline int32_t Sum(__m512i a) { return static_cast<int32_t>(Reduce<uint32_t>(a, std::plus<uint32_t>())); }

}  // namespace simde_avx512

#define _mm256_maskz_loadu_ps(mask, from) simde_avx512::LoadMasked<__m256>(mask, from)
#define _mm512_cvtepi32_ps(a) simde_avx512::FloatsOfInts(a)
#define _mm512_cvtepu8_epi32(a) simde_avx512::IntsOfBytes(a)
#define _mm512_cvtph_ps(a) simde_avx512::FloatsOfFloat16s(a)
#define _mm512_cvtps_epi32(a) simde_avx512::IntsOfFloats(a)
#undef _mm512_cvtps_ph
#define _mm512_cvtps_ph(a, rounding) simde_avx512::Float16sOfFloats<(rounding)>(a)
#define _mm512_cvtss_f32(a) _mm_cvtss_f32(_mm256_castps256_ps128(simde_avx512::Split(a).low))
#undef _mm512_extractf32x8_ps
#define _mm512_extractf32x8_ps(a, half) simde_avx512::Half<half>(a)
#define _mm512_mask_storeu_ps(to, mask, a) simde_avx512::StoreMasked(to, mask, a)
// Whose names SIMDe gets wrong.
#undef _mm512_madd_epi16
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)
#undef _mm512_shuffle_f32x4
#define _mm512_shuffle_f32x4(a, b, order) simde_mm512_shuffle_f32x4(a, b, order)
#define _mm512_maskz_loadu_ps(mask, from) simde_avx512::LoadMasked<__m512>(mask, from)
#undef _mm512_permute_ps
#define _mm512_permute_ps(a, order) simde_avx512::Permute<order>(a)
#define _mm512_reduce_add_epi32(a) simde_avx512::Sum(a)
#define _mm512_reduce_max_epi32(a) simde_avx512::Largest(a)
#define _mm512_reduce_max_ps(a) simde_avx512::Largest(a)
#define _mm512_srai_epi32(a, shift) simde_avx512::ShiftInts<shift>(a)
