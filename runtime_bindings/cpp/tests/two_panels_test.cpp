// dot_two_panels of the instruction sets that have it against portable's products of one panel.

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

#include "kernels/isa/isa.h"
#include "kernels/linear/linear_dot.h"

namespace mmoe {
namespace {

// One token and two panels with all that a group may have.
struct Operands {
  Operands(const KernelTable& kernels, int64_t group, int64_t groups, bool zeros, bool float_scales)
      : x(static_cast<size_t>(group * groups)),
        activation_scales(static_cast<size_t>(groups)),
        offsets(static_cast<size_t>(groups)),
        tile{1, x.data(), activation_scales.data(), offsets.data()} {
    std::mt19937 random(static_cast<uint32_t>(group + groups));
    std::normal_distribution<float> normal;
    std::vector<float> values(x.size());
    for (float& value : values) value = normal(random);
    if (group == kLinearGroup) {
      kernels.quantize_groups(values.data(), groups, tile, 0, 0);
    } else {
      kernels.quantize_wide_groups(values.data(), groups, group, tile, 0, 0);
    }
    for (int p = 0; p < 2; ++p) {
      weights[p].resize(static_cast<size_t>(PanelBytes(group * groups)));
      for (uint8_t& byte : weights[p]) byte = static_cast<uint8_t>(random());
      for (int64_t i = 0; i < groups * kPanelOutputs; ++i) {
        scales[p].push_back(static_cast<uint16_t>(0x2000 + random() % 0x400));
        large_scales[p].push_back(1.0f + normal(random) / 16);
        zero[p].push_back(static_cast<uint8_t>(random() % 16));
      }
      LinearDotArgs& args = panels[p];
      args.weight = args.ahead = weights[p].data();
      args.groups = groups;
      args.tile = tile;
      args.group = group;
      if (zeros) args.zero = zero[p].data();
      if (float_scales) {
        args.float_scale = large_scales[p].data();
      } else {
        args.scale = scales[p].data();
      }
    }
  }

  std::vector<float> Dot(const KernelTable& kernels, bool two) {
    std::vector<float> out(2 * kPanelOutputs);
    for (int p = 0; p < 2; ++p) {
      panels[p].out = out.data() + p * kPanelOutputs;
      if (!two) kernels.grouped_dot(panels[p]);
    }
    if (two) kernels.dot_two_panels(panels);
    return out;
  }

  std::vector<int8_t> x;
  std::vector<float> activation_scales;
  std::vector<int32_t> offsets;
  LinearTile tile;
  std::vector<uint8_t> weights[2], zero[2];
  std::vector<uint16_t> scales[2];
  std::vector<float> large_scales[2];
  LinearDotArgs panels[2] = {};
};

TEST(DotTwoPanels, GivesTheBitsOfOneAfterTheOther) {
  const char* error = nullptr;
  const KernelTable* portable = FindKernels("portable", &error);
  for (const KernelTable* kernels : SupportedKernels()) {
    if (kernels->dot_two_panels == nullptr) continue;
    for (const int64_t group : {32, 64, 128}) {
      for (const int64_t groups : {1, 2, 3, 24}) {
        for (const bool zeros : {false, true}) {
          for (const bool float_scales : {false, true}) {
            Operands operands(*portable, group, groups, zeros, float_scales);
            EXPECT_EQ(operands.Dot(*kernels, true), operands.Dot(*portable, false))
                << kernels->name << " " << group << " " << groups << " " << zeros << float_scales;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace mmoe
