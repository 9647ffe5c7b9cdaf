// Panel times activations with sdot for any number of tokens of a tile.

#include "panel_dot_sdot-inl.h"

namespace mmoe {
namespace {

void PanelDot(const uint8_t* panel, int64_t inputs, const int8_t* activations, int tokens, const float* steps,
              const int32_t* sums, float* const* outputs) {
  using Function =
      void (*)(const uint8_t*, int64_t, const int8_t*, const float*, const int32_t*, float* const*);
  static constexpr Function kByTokens[kDotprodTokenTile] = {
      PanelDotTokens<1>, PanelDotTokens<2>, PanelDotTokens<3>, PanelDotTokens<4>,
      PanelDotTokens<5>, PanelDotTokens<6>, PanelDotTokens<7>, PanelDotTokens<8>,
  };
  kByTokens[tokens - 1](panel, inputs, activations, steps, sums, outputs);
}

}  // namespace
}  // namespace mmoe
