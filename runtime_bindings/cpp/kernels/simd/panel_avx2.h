#pragma once

// What the AVX2 files of panel products share: vpmaddubsw. Weights 0..15 times activations of at most 127 in
// magnitude give pairs of at most 3810, so eight blocks add up in int16 before they are widened.

#include <immintrin.h>

#include <cstdint>

#include "kernels/panel.h"

namespace mmoe {
namespace {

constexpr int kInt16Blocks = 8;

// 6 tokens x 2 accumulators of half a panel, the weights, four activations and a product fill 16 registers.
constexpr int kAvx2TokenTile = 6;

// Half a block of a panel is 32 bytes: outputs 8h..8h+7 in the low nibbles, 16+8h..16+8h+7 in the high ones.
constexpr int64_t kHalfBlockBytes = kPanelBlockBytes / 2;

// One or two tokens leave room for both halves of a panel at once.
constexpr int HalvesAtOnce(int tokens) { return tokens <= 2 ? 2 : 1; }

// Int16 sums of kBlocks blocks (at most eight) of kHalves halves for all tokens: [half][token, nibble], two lanes for
// each output.
template <int kTokens, int kHalves, int kBlocks>
__attribute__((always_inline)) inline void DotBlocks(const uint8_t* weights, const int8_t* activations,
                                                     int64_t token_stride,
                                                     __m256i (&sums)[kHalves][2 * kTokens]) {
  const __m256i mask = _mm256_set1_epi8(15);
#pragma GCC unroll 8
  for (int b = 0; b < kBlocks; ++b) {
    __m256i low[kHalves], high[kHalves];
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; ++h) {
      const __m256i bytes = _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(weights + b * kPanelBlockBytes + h * kHalfBlockBytes));
      low[h] = _mm256_and_si256(bytes, mask);
      high[h] = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), mask);
    }
#pragma GCC unroll 6
    for (int t = 0; t < kTokens; ++t) {
      int32_t four;
      __builtin_memcpy(&four, activations + t * token_stride + b * kPanelBlockInputs, sizeof four);
      __m256i x = _mm256_set1_epi32(four);
      // These keep GCC from loading all activations first and adding all products last, which takes more registers
      // than there are.
      asm volatile("" : "+x"(x));
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; ++h) {
        const __m256i low_products = _mm256_maddubs_epi16(low[h], x);
        const __m256i high_products = _mm256_maddubs_epi16(high[h], x);
        __m256i* to = sums[h] + 2 * t;
        to[0] = b == 0 ? low_products : _mm256_add_epi16(to[0], low_products);
        to[1] = b == 0 ? high_products : _mm256_add_epi16(to[1], high_products);
        asm volatile("" : "+x"(to[0]), "+x"(to[1]));
      }
    }
  }
}

// One token and two panels, whose blocks take turns: the processor follows two streams of weights from memory further ahead than
// one. Each panel has activations and lines to fetch of its own. Sums are [panel][half][nibble].
template <int kBlocks>
__attribute__((always_inline)) inline void DotBlocksOfTwo(const uint8_t* const (&weights)[2],
                                                          const int8_t* const (&activations)[2],
                                                          const uint8_t* const (&ahead)[2],
                                                          __m256i (&sums)[2][2][2]) {
  const __m256i mask = _mm256_set1_epi8(15);
#pragma GCC unroll 8
  for (int b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 2
    for (int p = 0; p < 2; ++p) {
      _mm_prefetch(reinterpret_cast<const char*>(ahead[p] + b * kPanelBlockBytes), _MM_HINT_T0);
      int32_t four;
      __builtin_memcpy(&four, activations[p] + b * kPanelBlockInputs, sizeof four);
      const __m256i x = _mm256_set1_epi32(four);
#pragma GCC unroll 2
      for (int h = 0; h < 2; ++h) {
        const __m256i bytes = _mm256_loadu_si256(
            reinterpret_cast<const __m256i*>(weights[p] + b * kPanelBlockBytes + h * kHalfBlockBytes));
        const __m256i low = _mm256_maddubs_epi16(_mm256_and_si256(bytes, mask), x);
        const __m256i high = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(bytes, 4), mask), x);
        __m256i* to = sums[p][h];
        to[0] = b == 0 ? low : _mm256_add_epi16(to[0], low);
        to[1] = b == 0 ? high : _mm256_add_epi16(to[1], high);
        // As in DotBlocks.
        asm volatile("" : "+x"(to[0]), "+x"(to[1]));
      }
    }
  }
}

// A lane for each output.
inline __m256i Widen(__m256i sums) { return _mm256_madd_epi16(sums, _mm256_set1_epi16(1)); }

}  // namespace
}  // namespace mmoe
