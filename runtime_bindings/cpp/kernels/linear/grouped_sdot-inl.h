// Panel of a dense linear times a tile of tokens with sdot by element; with i8mm and SME2, few tokens.

#include "kernels/linear/grouped_neon-inl.h"
#include "kernels/linear/linear_dot.h"
#include "kernels/moe/panel_dot_sdot-inl.h"

namespace mmoe {
namespace {

// A quad of 4 tokens is 8 integer and 8 float accumulators.
constexpr int kSdotLinearTile = 4;

// Quads that fit the 32 registers at once: one token takes the whole panel in one stream.
constexpr int SdotLinearQuads(int tokens) { return tokens == 1 ? 4 : tokens == 2 ? 2 : 1; }

// kQuads quads from `quad` on. A dense linear's groups have 32 inputs, float16 scales and a zero of 8, which is then
// known to the compiler.
template <int kTokens, int kQuads, bool kDense>
inline void LinearQuads(const LinearDotArgs& args, int quad) {
  const int64_t inputs = kDense ? kLinearGroup : args.group;
  constexpr int kSums = kTokens * kQuads;
  float32x4_t low_result[kSums], high_result[kSums];
#pragma GCC unroll 4
  for (int i = 0; i < kSums; ++i) low_result[i] = high_result[i] = vdupq_n_f32(0.0f);
  for (int64_t group = 0; group < args.groups; ++group) {
    const int64_t row = group * kTokens, column = group * kPanelOutputs + 4 * quad;
    int32x4_t low[kSums], high[kSums];
#pragma GCC unroll 4
    for (int i = 0; i < kSums; ++i) {
      const int32_t offset = args.tile.offsets[row + i % kTokens];
      low[i] = FourOffsets<kDense>(args, column + 4 * (i / kTokens), offset);
      high[i] = FourOffsets<kDense>(args, column + 4 * (i / kTokens) + 16, offset);
    }
    for (int64_t input = 0; input < inputs; input += kLinearGroup) {
      const int64_t at = PanelBytes(group * inputs + input);
      if (quad == 0) PrefetchBlocks<kLinearGroup>(args.ahead + at);
      const uint8_t* weights = args.weight + at + quad * kQuadBytes;
      const int8_t* x = args.tile.values + row * inputs + input;
      DotStep<kTokens, kQuads>(weights, x, inputs, low, high);
      DotStep<kTokens, kQuads>(weights + PanelBytes(kStepInputs), x + kStepInputs, inputs, low, high);
    }
#pragma GCC unroll 4
    for (int q = 0; q < kQuads; ++q) {
      const float32x4_t low_scale = LoadFourScales<kDense>(args, column + 4 * q);
      const float32x4_t high_scale = LoadFourScales<kDense>(args, column + 4 * q + 16);
#pragma GCC unroll 4
      for (int t = 0; t < kTokens; ++t) {
        const int i = q * kTokens + t;
        low_result[i] = AddScaled(low_result[i], low[i], low_scale, args.tile.activation_scales[row + t]);
        high_result[i] = AddScaled(high_result[i], high[i], high_scale, args.tile.activation_scales[row + t]);
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kSums; ++i) {
    float* to = args.out + i % kTokens * args.out_stride + 4 * (quad + i / kTokens);
    vst1q_f32(to, low_result[i]);
    vst1q_f32(to + 16, high_result[i]);
  }
}

template <int kTokens, bool kDense>
void GroupedDotTokens(const LinearDotArgs& args) {
  constexpr int kQuads = SdotLinearQuads(kTokens);
  for (int quad = 0; quad < kPanelQuads; quad += kQuads) LinearQuads<kTokens, kQuads, kDense>(args, quad);
}

template <bool kDense>
void DotByTokens(const LinearDotArgs& args) {
  static constexpr void (*kByTokens[kSdotLinearTile])(const LinearDotArgs&) = {
      GroupedDotTokens<1, kDense>,
      GroupedDotTokens<2, kDense>,
      GroupedDotTokens<3, kDense>,
      GroupedDotTokens<4, kDense>,
  };
  kByTokens[args.tile.tokens - 1](args);
}

}  // namespace
}  // namespace mmoe
