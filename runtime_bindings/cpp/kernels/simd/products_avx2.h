#pragma once

// What multiplies with AVX2 alone: vpmaddubsw for panels, vpmaddwd for int16. Weights 0..15 times activations of at most 127 in magnitude give pairs
// of at most 3810, so eight blocks add up in int16 before they are widened.

#include "kernels/simd/panel_avx2.h"

namespace mmoe {
namespace {

// One or two tokens leave room for both halves of a panel at once.
constexpr int HalvesAtOnce(int tokens) { return tokens <= 2 ? 2 : 1; }

// Int16 sums of kBlocks blocks (at most eight) of kHalves halves for all tokens: [half][token, nibble], two lanes for
// each output.
template <int kTokens, int kHalves, int kBlocks>
__attribute__((always_inline)) inline void DotBlocks(const uint8_t* weights, const int8_t* activations,
                                                     int64_t token_stride,
                                                     __m256i (&sums)[kHalves][2 * kTokens]) {
#pragma GCC unroll 8
  for (int b = 0; b < kBlocks; ++b) {
    __m256i low[kHalves], high[kHalves];
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; ++h) {
      const __m256i bytes = LoadHalfBlock(weights + b * kPanelBlockBytes + h * kHalfBlockBytes);
      low[h] = LowNibbles(bytes);
      high[h] = HighNibbles(bytes);
    }
#pragma GCC unroll 6
    for (int t = 0; t < kTokens; ++t) {
      __m256i x = BroadcastFour(activations + t * token_stride + b * kPanelBlockInputs);
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

// A lane for each output.
inline __m256i Widen(__m256i sums) { return _mm256_madd_epi16(sums, _mm256_set1_epi16(1)); }

// The sums of int16 and of 32 bits.
template <int kTokens, int kHalves>
__attribute__((always_inline)) inline void AddWidened(const __m256i (&sums16)[kHalves][2 * kTokens],
                                                      __m256i (&sums)[kHalves][2 * kTokens]) {
#pragma GCC unroll 2
  for (int h = 0; h < kHalves; ++h) {
#pragma GCC unroll 12
    for (int i = 0; i < 2 * kTokens; ++i) sums[h][i] = _mm256_add_epi32(sums[h][i], Widen(sums16[h][i]));
  }
}

// Adds kBlocks blocks (at most eight) of kHalves halves to the sums of all tokens: [half][token, nibble], which stay in
// memory while int16 sums fill the registers.
template <int kTokens, int kHalves, int kBlocks>
__attribute__((always_inline)) inline void AddBlocks(const uint8_t* weights, const int8_t* activations,
                                                     int64_t token_stride,
                                                     __m256i (&sums)[kHalves][2 * kTokens]) {
  __m256i sums16[kHalves][2 * kTokens];
  DotBlocks<kTokens, kHalves, kBlocks>(weights, activations, token_stride, sums16);
  AddWidened<kTokens, kHalves>(sums16, sums);
}

// The same of one token and two panels, whose blocks take turns: the processor follows two streams of weights from memory further
// ahead than one. Each panel has activations and lines to fetch of its own. Sums are [panel][half][nibble].
template <int kBlocks>
__attribute__((always_inline)) inline void AddBlocksOfTwo(const uint8_t* const (&weights)[2],
                                                          const int8_t* const (&activations)[2],
                                                          const uint8_t* const (&ahead)[2],
                                                          __m256i (&sums)[2][2][2]) {
  __m256i sums16[2][2][2];
#pragma GCC unroll 8
  for (int b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 2
    for (int p = 0; p < 2; ++p) {
      _mm_prefetch(reinterpret_cast<const char*>(ahead[p] + b * kPanelBlockBytes), _MM_HINT_T0);
      const __m256i x = BroadcastFour(activations[p] + b * kPanelBlockInputs);
#pragma GCC unroll 2
      for (int h = 0; h < 2; ++h) {
        const __m256i bytes = LoadHalfBlock(weights[p] + b * kPanelBlockBytes + h * kHalfBlockBytes);
        const __m256i low = _mm256_maddubs_epi16(LowNibbles(bytes), x);
        const __m256i high = _mm256_maddubs_epi16(HighNibbles(bytes), x);
        __m256i* to = sums16[p][h];
        to[0] = b == 0 ? low : _mm256_add_epi16(to[0], low);
        to[1] = b == 0 ? high : _mm256_add_epi16(to[1], high);
        // As in DotBlocks.
        asm volatile("" : "+x"(to[0]), "+x"(to[1]));
      }
    }
  }
  for (int p = 0; p < 2; ++p) AddWidened<1, 2>(sums16[p], sums[p]);
}

// As AddBlocks for all blocks of a panel, whose sums are FinishPanelSums'.
template <int kTokens, int kHalves, int kBlocks>
__attribute__((always_inline)) inline void AddPanelBlocks(const uint8_t* weights, const int8_t* activations,
                                                          int64_t token_stride,
                                                          __m256i (&sums)[kHalves][2 * kTokens]) {
  AddBlocks<kTokens, kHalves, kBlocks>(weights, activations, token_stride, sums);
}
inline void FinishPanelSums(__m256i*) {}

// sums + a * b, which are int16, two products in each lane.
inline __m256i AddPairs(__m256i sums, __m256i a, __m256i b) {
  return _mm256_add_epi32(sums, _mm256_madd_epi16(a, b));
}

}  // namespace
}  // namespace mmoe
