// Panel of a dense linear times a tile of tokens in plain C++.

#include "kernels/linear/linear_dot.h"

namespace mmoe {
namespace {

constexpr int kPortableLinearTile = 8;

// sums[o] += weights (offset binary) . values of one group of 32 inputs.
inline void DotGroup(const uint8_t* weight, const int8_t* values, int32_t* sums) {
  for (int64_t block = 0; block < kLinearGroup / kPanelBlockInputs; ++block) {
    const uint8_t* w = weight + block * kPanelBlockBytes;
    const int8_t* x = values + block * kPanelBlockInputs;
    for (int j = 0; j < 16; ++j, w += 4) {
      sums[j] += (w[0] & 15) * x[0] + (w[1] & 15) * x[1] + (w[2] & 15) * x[2] + (w[3] & 15) * x[3];
      sums[16 + j] += (w[0] >> 4) * x[0] + (w[1] >> 4) * x[1] + (w[2] >> 4) * x[2] + (w[3] >> 4) * x[3];
    }
  }
}

void LinearDot(const LinearDotArgs& args) {
  const LinearTile& tile = args.tile;
  for (int64_t t = 0; t < tile.tokens; ++t) {
    float result[kPanelOutputs] = {};
    for (int64_t group = 0; group < args.groups; ++group) {
      const int64_t at = group * tile.tokens + t;
      int32_t sums[kPanelOutputs];
      for (int o = 0; o < kPanelOutputs; ++o) sums[o] = tile.offsets[at];
      DotGroup(args.weight + group * PanelBytes(kLinearGroup), tile.values + at * kLinearGroup, sums);
      for (int o = 0; o < kPanelOutputs; ++o) {
        const float scale =
            Float16ToFloat(args.scale[group * kPanelOutputs + o]) * tile.activation_scales[at];
        result[o] += static_cast<float>(sums[o]) * scale;
      }
    }
    for (int o = 0; o < kPanelOutputs; ++o) args.out[t * args.out_stride + o] = result[o];
  }
}

}  // namespace
}  // namespace mmoe
