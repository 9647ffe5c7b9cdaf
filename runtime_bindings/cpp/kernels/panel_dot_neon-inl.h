// Panel times activations with smlal, for cores without dot products (panel_smlal.h).

#include "panel_smlal.h"

namespace mmoe {
namespace {

template <int kTokens>
void PanelDotTokens(const uint8_t* panel, int64_t inputs, const int8_t* activations, const float* steps,
                    const int32_t* sums, float* const* outputs) {
  QuadSums low[kTokens * kPanelQuads], high[kTokens * kPanelQuads];
  for (int i = 0; i < kTokens * kPanelQuads; ++i) low[i] = high[i] = {{vdupq_n_s32(0), vdupq_n_s32(0)}};
  for (int64_t input = 0; input < inputs;
       input += kActivationChunk, activations += kTokens * kActivationChunk) {
    const int64_t count = inputs - input < kActivationChunk ? inputs - input : kActivationChunk;
    const uint8_t* weights = panel + PanelBytes(input);
    if constexpr (kTokens == 1) PrefetchBlocks<kActivationChunk>(weights + kPrefetchBytes);
    for (int q = 0; q < kPanelQuads; ++q) {
      DotChunk<kTokens>(weights + q * kQuadBytes, count, activations, kActivationChunk, low + q, high + q,
                        kPanelQuads);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int q = 0; q < kPanelQuads; ++q) {
      const int i = t * kPanelQuads + q;
      StoreScaled(Finish(low[i]), kWeightOffset * sums[t], steps[t], outputs[t] + 4 * q);
      StoreScaled(Finish(high[i]), kWeightOffset * sums[t], steps[t], outputs[t] + 16 + 4 * q);
    }
  }
}

void PanelDot(const uint8_t* panel, int64_t inputs, const int8_t* activations, int tokens, const float* steps,
              const int32_t* sums, float* const* outputs) {
  using Function =
      void (*)(const uint8_t*, int64_t, const int8_t*, const float*, const int32_t*, float* const*);
  static constexpr Function kByTokens[kNeonTokenTile] = {
      PanelDotTokens<1>,
      PanelDotTokens<2>,
      PanelDotTokens<3>,
      PanelDotTokens<4>,
  };
  kByTokens[tokens - 1](panel, inputs, activations, steps, sums, outputs);
}

}  // namespace
}  // namespace mmoe
