// Panel times activations with sdot for any number of tokens of a tile.

#include "kernels/moe/panel_dot_sdot-inl.h"

namespace mmoe {
namespace {

void PanelDot(const PanelDotArgs& args) {
  using Function = void (*)(const PanelDotArgs&);
  static constexpr Function kByTokens[kDotprodTokenTile] = {
      PanelDotTokens<1>, PanelDotTokens<2>, PanelDotTokens<3>, PanelDotTokens<4>,
      PanelDotTokens<5>, PanelDotTokens<6>, PanelDotTokens<7>, PanelDotTokens<8>,
  };
  kByTokens[args.tokens - 1](args);
}

}  // namespace
}  // namespace mmoe
