// Panel times activations with usmmla, 2 outputs x 8 inputs times 8 inputs x 2 tokens. Two blocks of a quad,
// interleaved by their 4-byte lanes, are such pairs of outputs. Bytes are multiplied whole, as low + 16 *
// high, and the high nibbles again: the difference gives the low ones without masking (modulo 2^32, and the
// result fits).

#include "kernels/moe/panel_dot_sdot-inl.h"

namespace mmoe {
namespace {

// 5 pairs of tokens x 4 accumulators of a quad leave room for its weights and a pair's activations.
constexpr int kI8mmTokenTile = 10;

// Quads that fit the 32 registers at once.
constexpr int I8mmQuads(int pairs) { return pairs == 1 ? 4 : pairs == 2 ? 2 : 1; }

// Sums of one quad for one pair of tokens; part 0 is outputs 0 and 1 of the quad, part 1 outputs 2 and 3.
// Lane 2*o+t is output o, token t.
struct PairSums {
  int32x4_t whole[2];
  int32x4_t high[2];
};

// Weights of one quad, 8 inputs (two blocks): part p is outputs 2p and 2p+1, [output][8].
struct QuadWeights {
  uint8x16_t whole[2];
  uint8x16_t high[2];
};

__attribute__((always_inline)) inline QuadWeights LoadQuad(const uint8_t* from) {
  const uint32x4_t a = vreinterpretq_u32_u8(vld1q_u8(from));
  const uint32x4_t b = vreinterpretq_u32_u8(vld1q_u8(from + kPanelBlockBytes));
  const uint8x16_t first = vreinterpretq_u8_u32(vzip1q_u32(a, b));
  const uint8x16_t second = vreinterpretq_u8_u32(vzip2q_u32(a, b));
  return {{first, second}, {vshrq_n_u8(first, 4), vshrq_n_u8(second, 4)}};
}

__attribute__((always_inline)) inline void MultiplyAdd(PairSums& to, const QuadWeights& weights,
                                                       int8x16_t x) {
#pragma GCC unroll 2
  for (int part = 0; part < 2; ++part) {
    to.whole[part] = vusmmlaq_s32(to.whole[part], weights.whole[part], x);
    to.high[part] = vusmmlaq_s32(to.high[part], weights.high[part], x);
  }
}

// 16 inputs of one quad for all pairs of tokens; the second token of the last pair is `last_partner` bytes
// after the first.
template <int kPairs, int kStride>
__attribute__((always_inline)) inline void DotPairs(const uint8_t* weights, const int8_t* activations,
                                                    int64_t last_partner, PairSums* sums) {
  const QuadWeights first_eight = LoadQuad(weights), last_eight = LoadQuad(weights + 2 * kPanelBlockBytes);
#pragma GCC unroll 5
  for (int p = 0; p < kPairs; ++p) {
    const int8_t* from = activations + 2 * p * kActivationChunk;
    const int64_t partner = p + 1 < kPairs ? kActivationChunk : last_partner;
    const int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(from));
    const int64x2_t b = vreinterpretq_s64_s8(vld1q_s8(from + partner));
    MultiplyAdd(sums[p * kStride], first_eight, vreinterpretq_s8_s64(vzip1q_s64(a, b)));
    MultiplyAdd(sums[p * kStride], last_eight, vreinterpretq_s8_s64(vzip2q_s64(a, b)));
  }
}

inline int32x4_t LowSums(int32x4_t whole, int32x4_t high) {
  return vreinterpretq_s32_u32(
      vsubq_u32(vreinterpretq_u32_s32(whole), vshlq_n_u32(vreinterpretq_u32_s32(high), 4)));
}

// The eight outputs of a quad for one token of the pair.
template <int kToken>
inline void StoreQuad(const PairSums& sums, int32_t sum, float activation_scale, float* to) {
  const int32x4_t low0 = LowSums(sums.whole[0], sums.high[0]), low1 = LowSums(sums.whole[1], sums.high[1]);
  const int32x4_t low = kToken == 0 ? vuzp1q_s32(low0, low1) : vuzp2q_s32(low0, low1);
  const int32x4_t high =
      kToken == 0 ? vuzp1q_s32(sums.high[0], sums.high[1]) : vuzp2q_s32(sums.high[0], sums.high[1]);
  StoreScaled(low, kWeightOffset * sum, activation_scale, to);
  StoreScaled(high, kWeightOffset * sum, activation_scale, to + 16);
}

template <int kPairs>
void PanelDotPairs(const PanelDotArgs& args) {
  constexpr int kQuads = I8mmQuads(kPairs);
  // An odd last token is its own partner.
  const int64_t last_partner = args.tokens % 2 == 0 ? kActivationChunk : 0;
  for (int quad = 0; quad < kPanelQuads; quad += kQuads) {
    PairSums acc[kPairs * kQuads];
#pragma GCC unroll 5
    for (int i = 0; i < kPairs * kQuads; ++i) {
      acc[i] = {{vdupq_n_s32(0), vdupq_n_s32(0)}, {vdupq_n_s32(0), vdupq_n_s32(0)}};
    }
    const uint8_t* weights = args.panel + quad * kQuadBytes;
    const int8_t* x = args.activations;
    for (int64_t input = 0; input < args.inputs; input += kStepInputs, weights += PanelBytes(kStepInputs)) {
#pragma GCC unroll 4
      for (int q = 0; q < kQuads; ++q) {
        DotPairs<kPairs, kQuads>(weights + q * kQuadBytes, x, last_partner, acc + q);
      }
      x = NextStep(x, input, args.tokens);
    }
#pragma GCC unroll 5
    for (int p = 0; p < kPairs; ++p) {
      for (int q = 0; q < kQuads; ++q) {
        const int t = 2 * p, column = 4 * (quad + q);
        StoreQuad<0>(acc[p * kQuads + q], args.sums[t], args.activation_scales[t], args.outputs[t] + column);
        if (t + 1 < args.tokens) {
          StoreQuad<1>(acc[p * kQuads + q], args.sums[t + 1], args.activation_scales[t + 1],
                       args.outputs[t + 1] + column);
        }
      }
    }
  }
}

void PanelDot(const PanelDotArgs& args) {
  if (args.tokens == 1) {  // half of every usmmla would be wasted
    PanelDotTokens<1>(args);
    return;
  }
  using Function = void (*)(const PanelDotArgs&);
  static constexpr Function kByPairs[kI8mmTokenTile / 2] = {
      PanelDotPairs<1>, PanelDotPairs<2>, PanelDotPairs<3>, PanelDotPairs<4>, PanelDotPairs<5>,
  };
  kByPairs[(args.tokens - 1) / 2](args);
}

}  // namespace
}  // namespace mmoe
