// Every instruction set's linear_dot and quantize_groups at every number of tokens of a tile, against portable.

#include "kernels/linear/linear_dot.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "kernels/isa/isa.h"
#include "tests/token_counts.h"

namespace mmoe {
namespace {

struct Activations {
  Activations(const KernelTable& kernels, const std::vector<float>& x, int64_t tokens, int64_t groups)
      : values(x.size()), scales(static_cast<size_t>(tokens * groups)), offsets(scales.size()) {
    for (int64_t t = 0; t < tokens; ++t) {
      kernels.quantize_groups(x.data() + t * groups * kLinearGroup, groups, tile(tokens), t, 0);
    }
  }

  LinearTile tile(int64_t tokens) { return {tokens, values.data(), scales.data(), offsets.data()}; }

  std::vector<int8_t> values;
  std::vector<float> scales;
  std::vector<int32_t> offsets;
};

struct Panel {
  explicit Panel(int64_t groups) : groups(groups) {
    weight.resize(static_cast<size_t>(PanelBytes(groups * kLinearGroup)));
    for (uint8_t& byte : weight) byte = static_cast<uint8_t>(random());
    scale.resize(static_cast<size_t>(groups * kPanelOutputs));
    for (uint16_t& value : scale) value = static_cast<uint16_t>(0x2000 + random() % 0x400);
  }

  std::vector<float> Dot(const KernelTable& kernels, const LinearTile& tile) const {
    std::vector<float> out(static_cast<size_t>(tile.tokens) * kPanelOutputs);
    kernels.linear_dot({weight.data(), scale.data(), groups, weight.data(), tile, out.data(), kPanelOutputs});
    return out;
  }

  int64_t groups;
  std::mt19937 random{3};
  std::vector<uint8_t> weight;
  std::vector<uint16_t> scale;
};

TEST(LinearDot, GivesTheSameBitsForEveryNumberOfTokens) {
  const char* error = nullptr;
  const KernelTable* portable = FindKernels("portable", &error);
  for (const KernelTable* kernels : SupportedKernels()) {
    for (const int tokens : TokenCounts(kernels->linear_tile)) {
      for (const int64_t groups : {1, 2, 3, 24}) {
        std::mt19937 random(static_cast<uint32_t>(tokens));
        std::normal_distribution<float> normal;
        std::vector<float> x(static_cast<size_t>(tokens * groups * kLinearGroup));
        for (float& value : x) value = normal(random);
        Activations expected(*portable, x, tokens, groups), found(*kernels, x, tokens, groups);
        EXPECT_EQ(found.values, expected.values) << kernels->name;
        EXPECT_EQ(found.scales, expected.scales) << kernels->name;
        EXPECT_EQ(found.offsets, expected.offsets) << kernels->name;
        const Panel panel(groups);
        EXPECT_EQ(panel.Dot(*kernels, found.tile(tokens)), panel.Dot(*portable, expected.tile(tokens)))
            << kernels->name << " " << tokens << " " << groups;
      }
    }
  }
}

}  // namespace
}  // namespace mmoe
