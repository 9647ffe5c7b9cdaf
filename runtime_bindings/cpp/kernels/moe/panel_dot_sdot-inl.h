#pragma once

// Panel times up to eight tokens with sdot by element (used with and without i8mm): one register holds 16
// inputs of a token, each of its four lanes multiplies a quad's four inputs.

#include "kernels/simd/panel_neon.h"

namespace mmoe {
namespace {

// A quad of 8 tokens is 16 accumulators and 8 registers of activations, which leaves room for the weights.
constexpr int kDotprodTokenTile = 8;
constexpr int64_t kStepInputs = 16;

// Moves on to the next 16 inputs; `input` counts those before. Returned through a register, because GCC
// otherwise keeps an index for every token and adds it to the address at every load.
inline const int8_t* NextStep(const int8_t* x, int64_t input, int64_t tokens) {
  const bool last = input % kActivationChunk == kActivationChunk - kStepInputs;
  x += kStepInputs + (last ? (tokens - 1) * kActivationChunk : 0);
  __asm__("" : "+r"(x));
  return x;
}

// Quads that fit the 32 registers at once: few tokens take the whole panel in one stream.
constexpr int DotprodQuads(int tokens) { return tokens <= 3 ? 4 : tokens <= 5 ? 2 : 1; }

template <int kBlock, int kTokens, int kQuads>
__attribute__((always_inline)) inline void DotBlock(const uint8_t* weights, const int8x16_t* x,
                                                    int32x4_t* low, int32x4_t* high) {
#pragma GCC unroll 4
  for (int q = 0; q < kQuads; ++q) {
    const uint8x16_t bytes = vld1q_u8(weights + kBlock * kPanelBlockBytes + q * kQuadBytes);
    const int8x16_t low_nibbles = LowNibbles(bytes), high_nibbles = HighNibbles(bytes);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      int32x4_t& low_sum = low[q * kTokens + t];
      int32x4_t& high_sum = high[q * kTokens + t];
      low_sum = vdotq_laneq_s32(low_sum, low_nibbles, x[t], kBlock);
      high_sum = vdotq_laneq_s32(high_sum, high_nibbles, x[t], kBlock);
    }
  }
}

// Adds 16 inputs to the sums of kQuads quads.
template <int kTokens, int kQuads>
__attribute__((always_inline)) inline void DotStep(const uint8_t* weights, const int8_t* activations,
                                                   int64_t token_stride, int32x4_t* low, int32x4_t* high) {
  int8x16_t x[kTokens];
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) x[t] = vld1q_s8(activations + t * token_stride);
  DotBlock<0, kTokens, kQuads>(weights, x, low, high);
  DotBlock<1, kTokens, kQuads>(weights, x, low, high);
  DotBlock<2, kTokens, kQuads>(weights, x, low, high);
  DotBlock<3, kTokens, kQuads>(weights, x, low, high);
}

template <int kTokens>
void PanelDotTokens(const PanelDotArgs& args) {
  constexpr int kQuads = DotprodQuads(kTokens);
  constexpr int64_t kStepBytes = PanelBytes(kStepInputs);
  for (int quad = 0; quad < kPanelQuads; quad += kQuads) {
    int32x4_t low[kQuads * kTokens], high[kQuads * kTokens];
#pragma GCC unroll 16
    for (int i = 0; i < kQuads * kTokens; ++i) low[i] = high[i] = vdupq_n_s32(0);
    const uint8_t* weights = args.panel + quad * kQuadBytes;
    const int8_t* x = args.activations;
    for (int64_t input = 0; input < args.inputs; input += kStepInputs, weights += kStepBytes) {
      if constexpr (kTokens == 1) {
        PrefetchBlocks<kStepInputs>(args.ahead + input / kPanelBlockInputs * args.ahead_step,
                                    args.ahead_step);
      }
      DotStep<kTokens, kQuads>(weights, x, kActivationChunk, low, high);
      x = NextStep(x, input, kTokens);
    }
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
      for (int q = 0; q < kQuads; ++q) {
        float* to = args.outputs[t] + 4 * (quad + q);
        StoreScaled(low[q * kTokens + t], kWeightOffset * args.sums[t], args.activation_scales[t], to);
        StoreScaled(high[q * kTokens + t], kWeightOffset * args.sums[t], args.activation_scales[t], to + 16);
      }
    }
  }
}

}  // namespace
}  // namespace mmoe
