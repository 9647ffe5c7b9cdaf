// Panel times activations with smlal, for cores without dot products (panel_smlal.h).

#include "kernels/simd/panel_smlal.h"

namespace mmoe {
namespace {

template <int kTokens>
void PanelDotTokens(const PanelDotArgs& args) {
  QuadSums low[kTokens * kPanelQuads], high[kTokens * kPanelQuads];
  for (int i = 0; i < kTokens * kPanelQuads; ++i) low[i] = high[i] = {{vdupq_n_s32(0), vdupq_n_s32(0)}};
  const int8_t* activations = args.activations;
  for (int64_t input = 0; input < args.inputs;
       input += kActivationChunk, activations += kTokens * kActivationChunk) {
    const int64_t count = args.inputs - input < kActivationChunk ? args.inputs - input : kActivationChunk;
    const uint8_t* weights = args.panel + PanelBytes(input);
    if constexpr (kTokens == 1) {
      PrefetchBlocks<kActivationChunk>(args.ahead + input / kPanelBlockInputs * args.ahead_step,
                                       args.ahead_step);
    }
    for (int q = 0; q < kPanelQuads; ++q) {
      DotChunk<kTokens>(weights + q * kQuadBytes, count, activations, kActivationChunk, low + q, high + q,
                        kPanelQuads);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int q = 0; q < kPanelQuads; ++q) {
      const int i = t * kPanelQuads + q;
      StoreScaled(Finish(low[i]), kWeightOffset * args.sums[t], args.activation_scales[t],
                  args.outputs[t] + 4 * q);
      StoreScaled(Finish(high[i]), kWeightOffset * args.sums[t], args.activation_scales[t],
                  args.outputs[t] + 16 + 4 * q);
    }
  }
}

void PanelDot(const PanelDotArgs& args) {
  using Function = void (*)(const PanelDotArgs&);
  static constexpr Function kByTokens[kNeonTokenTile] = {
      PanelDotTokens<1>,
      PanelDotTokens<2>,
      PanelDotTokens<3>,
      PanelDotTokens<4>,
  };
  kByTokens[args.tokens - 1](args);
}

}  // namespace
}  // namespace mmoe
