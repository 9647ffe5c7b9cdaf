// Panel times activations in plain C++: exact integer sums, so the order of additions is free.

namespace mmoe {
namespace {

constexpr int kPortableTokenTile = 8;

// sums[o] = weights (offset binary) . activations of one token, for the panel's 32 outputs.
inline void DotToken(const uint8_t* panel, int64_t inputs, const int8_t* activations, int64_t chunk_stride,
                     int32_t* sums) {
  for (int o = 0; o < kPanelOutputs; ++o) sums[o] = 0;
  for (int64_t block = 0; block < inputs / kPanelBlockInputs; ++block) {
    const uint8_t* weights = panel + block * kPanelBlockBytes;
    const int64_t input = block * kPanelBlockInputs;
    const int8_t* x = activations + input / kActivationChunk * chunk_stride + input % kActivationChunk;
    for (int j = 0; j < 16; ++j) {
      const uint8_t* w = weights + 4 * j;
      sums[j] += (w[0] & 15) * x[0] + (w[1] & 15) * x[1] + (w[2] & 15) * x[2] + (w[3] & 15) * x[3];
      sums[16 + j] += (w[0] >> 4) * x[0] + (w[1] >> 4) * x[1] + (w[2] >> 4) * x[2] + (w[3] >> 4) * x[3];
    }
  }
}

void PanelDot(const PanelDotArgs& args) {
  for (int t = 0; t < args.tokens; ++t) {
    int32_t products[kPanelOutputs];
    DotToken(args.panel, args.inputs, args.activations + t * kActivationChunk, args.tokens * kActivationChunk,
             products);
    for (int o = 0; o < kPanelOutputs; ++o) {
      args.outputs[t][o] =
          static_cast<float>(products[o] - kWeightOffset * args.sums[t]) * args.activation_scales[t];
    }
  }
}

}  // namespace
}  // namespace mmoe
