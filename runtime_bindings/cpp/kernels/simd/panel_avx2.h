#pragma once

// What panel products in 256-bit registers share, whatever multiplies (products_avx2.h, products_avx_vnni.h).

#include <immintrin.h>

#include <cstdint>

#include "kernels/panel.h"

namespace mmoe {
namespace {

// Blocks that are added up at once: a dense linear's group.
constexpr int kBlocksAtOnce = 8;

// 6 tokens x 2 accumulators of half a panel, the weights and four activations fill 16 registers.
constexpr int kAvx2TokenTile = 6;

// Half a block of a panel is 32 bytes: outputs 8h..8h+7 in the low nibbles, 16+8h..16+8h+7 in the high ones.
constexpr int64_t kHalfBlockBytes = kPanelBlockBytes / 2;

inline __m256i LoadHalfBlock(const uint8_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

inline __m256i LowNibbles(__m256i bytes) { return _mm256_and_si256(bytes, _mm256_set1_epi8(15)); }
inline __m256i HighNibbles(__m256i bytes) { return LowNibbles(_mm256_srli_epi16(bytes, 4)); }

// A block's four inputs of a token, in every lane.
inline __m256i BroadcastFour(const int8_t* from) {
  int32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return _mm256_set1_epi32(four);
}

}  // namespace
}  // namespace mmoe
