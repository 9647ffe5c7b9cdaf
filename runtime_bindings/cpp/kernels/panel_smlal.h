#pragma once

// What the files of panel products for cores without dot products share: smlal. Products of weights 0..15 and
// activations of at most 127 in magnitude add up in int16 for a chunk of 16 blocks (16 * 15 * 127 < 32768),
// then pairwise in int32.

#include "panel_neon.h"

namespace mmoe {
namespace {

// A quad of 4 tokens is 16 accumulators.
constexpr int kNeonTokenTile = 4;

// Two int32 pairs of partial sums for each of a quad's four outputs.
struct QuadSums {
  int32x4_t part[2];  // outputs 0 and 1, outputs 2 and 3
};

// Sums of one chunk (at most 16 blocks) of one quad, in int16: lane 4*o+i is output o, input i of the blocks.
struct QuadProducts {
  int16x8_t part[2];
};

inline void MultiplyAdd(QuadProducts& to, int8x16_t weights, int8x16_t x) {
  to.part[0] = vmlal_s8(to.part[0], vget_low_s8(weights), vget_low_s8(x));
  to.part[1] = vmlal_high_s8(to.part[1], weights, x);
}

inline int8x16_t BroadcastFour(const int8_t* from) {
  int32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

inline void Widen(QuadSums& to, const QuadProducts& products) {
  for (int part = 0; part < 2; ++part) to.part[part] = vpadalq_s16(to.part[part], products.part[part]);
}

inline int32x4_t Finish(const QuadSums& sums) { return vpaddq_s32(sums.part[0], sums.part[1]); }

// Up to 16 blocks of one quad; low and high are the sums of the tokens, `stride` apart.
template <int kTokens>
inline void DotChunk(const uint8_t* weights, int64_t blocks, const int8_t* activations, int64_t token_stride,
                     QuadSums* low, QuadSums* high, int stride) {
  QuadProducts low16[kTokens], high16[kTokens];
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) low16[t] = high16[t] = {{vdupq_n_s16(0), vdupq_n_s16(0)}};
  for (int64_t b = 0; b < blocks; ++b) {
    const uint8x16_t bytes = vld1q_u8(weights + b * kPanelBlockBytes);
    const int8x16_t low_nibbles = LowNibbles(bytes), high_nibbles = HighNibbles(bytes);
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      const int8x16_t x = BroadcastFour(activations + t * token_stride + b * kPanelBlockInputs);
      MultiplyAdd(low16[t], low_nibbles, x);
      MultiplyAdd(high16[t], high_nibbles, x);
    }
  }
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
    Widen(low[t * stride], low16[t]);
    Widen(high[t * stride], high16[t]);
  }
}

}  // namespace
}  // namespace mmoe
