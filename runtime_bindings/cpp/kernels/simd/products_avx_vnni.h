#pragma once

// What multiplies with AVX-VNNI: vpdpbusd for panels, vpdpwssd for int16. Sums are int32 at once.

#include "kernels/simd/panel_avx2.h"

namespace mmoe {
namespace {

// Up to three tokens leave room for both halves of a panel at once. A half of three tokens alone would have six chains of
// vpdpbusd, whose latency of five cycles two of them a cycle do not hide.
constexpr int HalvesAtOnce(int tokens) { return tokens <= 3 ? 2 : 1; }

// Adds kBlocks blocks to the sums of all tokens: [half][token, 2], the products with the two operands that `unpack` makes
// of a half's bytes.
template <int kTokens, int kHalves, int kBlocks, class Unpack>
__attribute__((always_inline)) inline void AddUnpacked(const uint8_t* weights, const int8_t* activations,
                                                       int64_t token_stride,
                                                       __m256i (&sums)[kHalves][2 * kTokens],
                                                       const Unpack& unpack) {
#pragma GCC unroll 8
  for (int b = 0; b < kBlocks; ++b) {
    __m256i operands[kHalves][2];
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; ++h) {
      unpack(LoadHalfBlock(weights + b * kPanelBlockBytes + h * kHalfBlockBytes), operands[h]);
    }
#pragma GCC unroll 6
    for (int t = 0; t < kTokens; ++t) {
      const __m256i x = BroadcastFour(activations + t * token_stride + b * kPanelBlockInputs);
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; ++h) {
        __m256i* to = sums[h] + 2 * t;
        to[0] = _mm256_dpbusd_avx_epi32(to[0], operands[h][0], x);
        to[1] = _mm256_dpbusd_avx_epi32(to[1], operands[h][1], x);
      }
    }
  }
}

// Adds kBlocks blocks of kHalves halves to the sums of all tokens: [half][token, nibble].
template <int kTokens, int kHalves, int kBlocks>
__attribute__((always_inline)) inline void AddBlocks(const uint8_t* weights, const int8_t* activations,
                                                     int64_t token_stride,
                                                     __m256i (&sums)[kHalves][2 * kTokens]) {
  AddUnpacked<kTokens, kHalves, kBlocks>(weights, activations, token_stride, sums,
                                         [](__m256i bytes, __m256i* operands) {
                                           operands[0] = LowNibbles(bytes);
                                           operands[1] = HighNibbles(bytes);
                                         });
}

// The same of one token and two panels, as products_avx2.h has it.
template <int kBlocks>
__attribute__((always_inline)) inline void AddBlocksOfTwo(const uint8_t* const (&weights)[2],
                                                          const int8_t* const (&activations)[2],
                                                          const uint8_t* const (&ahead)[2],
                                                          __m256i (&sums)[2][2][2]) {
#pragma GCC unroll 8
  for (int b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 2
    for (int p = 0; p < 2; ++p) {
      _mm_prefetch(reinterpret_cast<const char*>(ahead[p] + b * kPanelBlockBytes), _MM_HINT_T0);
      AddBlocks<1, 2, 1>(weights[p] + b * kPanelBlockBytes, activations[p] + b * kPanelBlockInputs, 0,
                         sums[p]);
    }
  }
}

// As AddBlocks for all blocks of a panel, whose sums are FinishPanelSums'. Bytes are multiplied whole, which is low + 16 high
// modulo 2^32, and without their low nibbles, which is 16 high and fits as long as moe_ffn.cpp's widths: one instruction to
// unpack a half instead of three, and the difference is due once.
template <int kTokens, int kHalves, int kBlocks>
__attribute__((always_inline)) inline void AddPanelBlocks(const uint8_t* weights, const int8_t* activations,
                                                          int64_t token_stride,
                                                          __m256i (&sums)[kHalves][2 * kTokens]) {
  const auto unpack = [](__m256i bytes, __m256i* operands) {
    operands[0] = bytes;
    operands[1] = _mm256_and_si256(bytes, _mm256_set1_epi8(static_cast<char>(0xf0)));
  };
  if constexpr (kTokens > 1) {
    return AddUnpacked<kTokens, kHalves, kBlocks>(weights, activations, token_stride, sums, unpack);
  }
  // A chain of vpdpbusd is bound by its latency, and one token has four: eight blocks are a chain of their own.
  __m256i fresh[kHalves][2 * kTokens];
  for (auto& of_half : fresh) {
    for (__m256i& eight : of_half) eight = _mm256_setzero_si256();
  }
  AddUnpacked<kTokens, kHalves, kBlocks>(weights, activations, token_stride, fresh, unpack);
  for (int h = 0; h < kHalves; ++h) {
    for (int i = 0; i < 2 * kTokens; ++i) sums[h][i] = _mm256_add_epi32(sums[h][i], fresh[h][i]);
  }
}

inline void FinishPanelSums(__m256i* of_token) {
  of_token[0] = _mm256_sub_epi32(of_token[0], of_token[1]);
  of_token[1] = _mm256_srai_epi32(of_token[1], 4);
}

// sums + a * b, which are int16, two products in each lane.
inline __m256i AddPairs(__m256i sums, __m256i a, __m256i b) { return _mm256_dpwssd_avx_epi32(sums, a, b); }

}  // namespace
}  // namespace mmoe
