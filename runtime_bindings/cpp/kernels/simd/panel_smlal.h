#pragma once

// What the files of panel products for cores without dot products share: smlal. Products of weights 0..15 and
// activations of at most 127 in magnitude add up in int16 for a chunk of 16 blocks (16 * 15 * 127 < 32768),
// then pairwise in int32.

#include "kernels/simd/panel_neon.h"

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

inline void Widen(QuadSums& to, const QuadProducts& products) {
  for (int part = 0; part < 2; ++part) to.part[part] = vpadalq_s16(to.part[part], products.part[part]);
}

inline int32x4_t Finish(const QuadSums& sums) { return vpaddq_s32(sums.part[0], sums.part[1]); }

// One block of one quad for all tokens; x[t] holds 16 inputs of token t, the block's are its lane kLane.
template <int kTokens, int kLane>
__attribute__((always_inline)) inline void DotBlock(const uint8_t* weights, const int8x16_t* x,
                                                    QuadProducts* low, QuadProducts* high) {
  const uint8x16_t bytes = vld1q_u8(weights + kLane * kPanelBlockBytes);
  const int8x16_t low_nibbles = LowNibbles(bytes), high_nibbles = HighNibbles(bytes);
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
    const int8x16_t four = vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(x[t]), kLane));
    MultiplyAdd(low[t], low_nibbles, four);
    MultiplyAdd(high[t], high_nibbles, four);
  }
}

// Up to 64 inputs (a multiple of 16) of one quad; low and high are the sums of the tokens, `stride` apart.
template <int kTokens>
inline void DotChunk(const uint8_t* weights, int64_t inputs, const int8_t* activations, int64_t token_stride,
                     QuadSums* low, QuadSums* high, int stride) {
  QuadProducts low16[kTokens], high16[kTokens];
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) low16[t] = high16[t] = {{vdupq_n_s16(0), vdupq_n_s16(0)}};
  for (int64_t input = 0; input < inputs; input += 16, weights += PanelBytes(16)) {
    int8x16_t x[kTokens];
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) x[t] = vld1q_s8(activations + t * token_stride + input);
    DotBlock<kTokens, 0>(weights, x, low16, high16);
    DotBlock<kTokens, 1>(weights, x, low16, high16);
    DotBlock<kTokens, 2>(weights, x, low16, high16);
    DotBlock<kTokens, 3>(weights, x, low16, high16);
  }
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) {
    Widen(low[t * stride], low16[t]);
    Widen(high[t * stride], high16[t]);
  }
}

}  // namespace
}  // namespace mmoe
