#pragma once

// What the AVX2 files of panel products share: vpmaddubsw. Weights 0..15 times activations of at most 127 in
// magnitude give pairs of at most 3810, so eight blocks add up in int16 before they are widened.

#include <immintrin.h>

#include <cstdint>

#include "kernels/panel.h"

namespace mmoe {
namespace {

constexpr int64_t kInt16Blocks = 8;

// 4 tokens x 2 accumulators, the weights, the mask and temporaries fill 16 registers.
constexpr int kAvx2TokenTile = 4;

// Up to eight blocks of one half (32 bytes of each block: outputs 8h..8h+7 and 16+8h..16+8h+7), added to the
// int32 sums low[t] and high[t].
template <int kTokens>
inline void DotHalf(const uint8_t* weights, int64_t blocks, const int8_t* activations, int64_t token_stride,
                    __m256i* low, __m256i* high) {
  const __m256i mask = _mm256_set1_epi8(15);
  __m256i low16[kTokens], high16[kTokens];
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) low16[t] = high16[t] = _mm256_setzero_si256();
  for (int64_t b = 0; b < blocks; ++b) {
    const __m256i bytes =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + b * kPanelBlockBytes));
    const __m256i low_nibbles = _mm256_and_si256(bytes, mask);
    const __m256i high_nibbles = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), mask);
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      int32_t four;
      __builtin_memcpy(&four, activations + t * token_stride + b * kPanelBlockInputs, sizeof four);
      const __m256i x = _mm256_set1_epi32(four);
      low16[t] = _mm256_add_epi16(low16[t], _mm256_maddubs_epi16(low_nibbles, x));
      high16[t] = _mm256_add_epi16(high16[t], _mm256_maddubs_epi16(high_nibbles, x));
    }
  }
  const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
    low[t] = _mm256_add_epi32(low[t], _mm256_madd_epi16(low16[t], ones));
    high[t] = _mm256_add_epi32(high[t], _mm256_madd_epi16(high16[t], ones));
  }
}

}  // namespace
}  // namespace mmoe
