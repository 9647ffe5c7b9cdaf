// Panel of a dense linear times a tile of tokens with smlal, a group and a quad at a time (panel_smlal.h).

#include "kernels/linear/linear_dot.h"
#include "kernels/simd/panel_smlal.h"

namespace mmoe {
namespace {

constexpr int kNeonLinearTile = kNeonTokenTile;

template <int kTokens>
void LinearDotTokens(const LinearDotArgs& args) {
  float32x4_t low_result[kTokens * kPanelQuads], high_result[kTokens * kPanelQuads];
  for (int i = 0; i < kTokens * kPanelQuads; ++i) low_result[i] = high_result[i] = vdupq_n_f32(0.0f);
  for (int64_t group = 0; group < args.groups; ++group) {
    const int64_t at = group * PanelBytes(kLinearGroup), row = group * kTokens;
    PrefetchBlocks<kLinearGroup>(args.ahead + at);
    for (int q = 0; q < kPanelQuads; ++q) {
      QuadSums low[kTokens], high[kTokens];
      for (int t = 0; t < kTokens; ++t) low[t] = high[t] = {{vdupq_n_s32(0), vdupq_n_s32(0)}};
      DotChunk<kTokens>(args.weight + at + q * kQuadBytes, kLinearGroup,
                        args.tile.values + row * kLinearGroup, kLinearGroup, low, high, 1);
      const uint16_t* scale = args.scale + group * kPanelOutputs + 4 * q;
      const float32x4_t low_scale = LoadFourFloat16(scale), high_scale = LoadFourFloat16(scale + 16);
      for (int t = 0; t < kTokens; ++t) {
        const int32x4_t offset = vdupq_n_s32(args.tile.offsets[row + t]);
        const float activation_scale = args.tile.activation_scales[row + t];
        const int i = t * kPanelQuads + q;
        low_result[i] =
            AddScaled(low_result[i], vaddq_s32(Finish(low[t]), offset), low_scale, activation_scale);
        high_result[i] =
            AddScaled(high_result[i], vaddq_s32(Finish(high[t]), offset), high_scale, activation_scale);
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

void LinearDot(const LinearDotArgs& args) {
  static constexpr void (*kByTokens[kNeonLinearTile])(const LinearDotArgs&) = {
      LinearDotTokens<1>,
      LinearDotTokens<2>,
      LinearDotTokens<3>,
      LinearDotTokens<4>,
  };
  kByTokens[args.tile.tokens - 1](args);
}

}  // namespace
}  // namespace mmoe
