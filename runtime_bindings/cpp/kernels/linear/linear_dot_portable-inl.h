// Panel of a dense linear times a tile of tokens in plain C++.

#include "kernels/linear/linear_dot.h"

namespace mmoe {
namespace {

constexpr int kPortableLinearTile = 8;

// sums[o] += weights (offset binary) . values of one group of inputs.
inline void DotGroup(const uint8_t* weight, const int8_t* values, int64_t group, int32_t* sums) {
  for (int64_t block = 0; block < group / kPanelBlockInputs; ++block) {
    const uint8_t* w = weight + block * kPanelBlockBytes;
    const int8_t* x = values + block * kPanelBlockInputs;
    for (int j = 0; j < 16; ++j, w += 4) {
      sums[j] += (w[0] & 15) * x[0] + (w[1] & 15) * x[1] + (w[2] & 15) * x[2] + (w[3] & 15) * x[3];
      sums[16 + j] += (w[0] >> 4) * x[0] + (w[1] >> 4) * x[1] + (w[2] >> 4) * x[2] + (w[3] >> 4) * x[3];
    }
  }
}

void GroupedDot(const LinearDotArgs& args) {
  const LinearTile& tile = args.tile;
  for (int64_t t = 0; t < tile.tokens; ++t) {
    float result[kPanelOutputs] = {};
    for (int64_t group = 0; group < args.groups; ++group) {
      const int64_t at = group * tile.tokens + t, column = group * kPanelOutputs;
      int32_t sums[kPanelOutputs];
      for (int64_t o = 0; o < kPanelOutputs; ++o) {
        const int zero = args.zero == nullptr ? kWeightOffset : args.zero[column + o];
        sums[o] = tile.offsets[at] / kWeightOffset * zero;
      }
      DotGroup(args.weight + group * PanelBytes(args.group), tile.values + at * args.group, args.group, sums);
      for (int64_t o = 0; o < kPanelOutputs; ++o) {
        const float scale = args.float_scale == nullptr ? Float16ToFloat(args.scale[column + o])
                                                        : args.float_scale[column + o];
        result[o] += static_cast<float>(sums[o]) * (scale * tile.activation_scales[at]);
      }
    }
    for (int64_t o = 0; o < kPanelOutputs; ++o) args.out[t * args.out_stride + o] = result[o];
  }
}

void LinearDot(const LinearDotArgs& args) { GroupedDot(args); }

}  // namespace
}  // namespace mmoe
