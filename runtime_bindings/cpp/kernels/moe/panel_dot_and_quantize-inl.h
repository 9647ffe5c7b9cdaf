// A panel's products, then the rows quantised for the next panel.

namespace mmoe {
namespace {

void PanelDotAndQuantize(const PanelDotArgs& args, const QuantizeTileArgs& next, int16_t*) {
  PanelDot(args);
  QuantizeTile(next);
}

}  // namespace
}  // namespace mmoe
