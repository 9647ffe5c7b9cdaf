// Panel of a dense linear times a tile of tokens with smlal, a group and a quad at a time (panel_smlal.h).

#include "kernels/linear/grouped_neon-inl.h"
#include "kernels/linear/linear_dot.h"
#include "kernels/simd/panel_smlal.h"

namespace mmoe {
namespace {

constexpr int kNeonLinearTile = kNeonTokenTile;

// A dense linear's groups have 32 inputs, float16 scales and a zero of 8, which is then known to the compiler.
template <int kTokens, bool kDense>
void GroupedDotTokens(const LinearDotArgs& args) {
  const int64_t inputs = kDense ? kLinearGroup : args.group;
  // What int16 sums hold.
  const int64_t chunk = inputs < kActivationChunk ? inputs : kActivationChunk;
  float32x4_t low_result[kTokens * kPanelQuads], high_result[kTokens * kPanelQuads];
  for (int i = 0; i < kTokens * kPanelQuads; ++i) low_result[i] = high_result[i] = vdupq_n_f32(0.0f);
  for (int64_t group = 0; group < args.groups; ++group) {
    const int64_t at = group * PanelBytes(inputs), row = group * kTokens;
    for (int64_t input = 0; input < inputs; input += kLinearGroup) {
      PrefetchBlocks<kLinearGroup>(args.ahead + at + PanelBytes(input));
    }
    for (int q = 0; q < kPanelQuads; ++q) {
      QuadSums low[kTokens], high[kTokens];
      for (int t = 0; t < kTokens; ++t) low[t] = high[t] = {{vdupq_n_s32(0), vdupq_n_s32(0)}};
      for (int64_t input = 0; input < inputs; input += chunk) {
        DotChunk<kTokens>(args.weight + at + PanelBytes(input) + q * kQuadBytes, chunk,
                          args.tile.values + row * inputs + input, inputs, low, high, 1);
      }
      const int64_t column = group * kPanelOutputs + 4 * q;
      const float32x4_t low_scale = LoadFourScales<kDense>(args, column);
      const float32x4_t high_scale = LoadFourScales<kDense>(args, column + 16);
      for (int t = 0; t < kTokens; ++t) {
        const int32_t offset = args.tile.offsets[row + t];
        const float activation_scale = args.tile.activation_scales[row + t];
        const int i = t * kPanelQuads + q;
        low_result[i] =
            AddScaled(low_result[i], vaddq_s32(Finish(low[t]), FourOffsets<kDense>(args, column, offset)),
                      low_scale, activation_scale);
        high_result[i] = AddScaled(high_result[i],
                                   vaddq_s32(Finish(high[t]), FourOffsets<kDense>(args, column + 16, offset)),
                                   high_scale, activation_scale);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int q = 0; q < kPanelQuads; ++q) {
      vst1q_f32(args.out + t * args.out_stride + 4 * q, low_result[t * kPanelQuads + q]);
      vst1q_f32(args.out + t * args.out_stride + 16 + 4 * q, high_result[t * kPanelQuads + q]);
    }
  }
}

template <bool kDense>
void DotByTokens(const LinearDotArgs& args) {
  static constexpr void (*kByTokens[kNeonLinearTile])(const LinearDotArgs&) = {
      GroupedDotTokens<1, kDense>,
      GroupedDotTokens<2, kDense>,
      GroupedDotTokens<3, kDense>,
      GroupedDotTokens<4, kDense>,
  };
  kByTokens[args.tile.tokens - 1](args);
}

void LinearDot(const LinearDotArgs& args) { DotByTokens<true>(args); }
void GroupedDot(const LinearDotArgs& args) { DotByTokens<false>(args); }

}  // namespace
}  // namespace mmoe
