// Every instruction set's panel_dot at every number of tokens it takes, against a loop over the definition.

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "kernels/isa/isa.h"
#include "kernels/moe/panel_dot.h"
#include "kernels/panel.h"
#include "tests/token_counts.h"

namespace mmoe {
namespace {

int Weight(const uint8_t* panel, int64_t input, int64_t output) {
  const uint8_t byte = panel[input / 4 * kPanelBlockBytes + output % 16 * 4 + input % 4];
  return (output < 16 ? byte & 15 : byte >> 4) - kWeightOffset;
}

struct Tile {
  Tile(int tokens, int64_t inputs, bool extreme) : tokens(tokens), inputs(inputs) {
    panel.resize(static_cast<size_t>(PanelBytes(inputs)));
    for (uint8_t& byte : panel) byte = extreme ? 0xff : static_cast<uint8_t>(random());
    activations.resize(static_cast<size_t>(ActivationChunks(inputs) * tokens * kActivationChunk));
    sums.resize(static_cast<size_t>(tokens));
    for (int t = 0; t < tokens; ++t) {
      for (int64_t i = 0; i < inputs; ++i) {
        const int value = extreme ? (t % 2 == 0 ? 127 : -127) : static_cast<int>(random() % 255) - 127;
        activations[Index(t, i)] = static_cast<int8_t>(value);
        sums[static_cast<size_t>(t)] += value;
      }
      steps.push_back(static_cast<float>(t + 1) / 7.0f);
    }
  }

  size_t Index(int t, int64_t i) const {
    return static_cast<size_t>((i / kActivationChunk * tokens + t) * kActivationChunk + i % kActivationChunk);
  }

  std::vector<float> Expected() const {
    std::vector<float> out;
    for (int t = 0; t < tokens; ++t) {
      for (int64_t o = 0; o < kPanelOutputs; ++o) {
        int32_t sum = 0;
        for (int64_t i = 0; i < inputs; ++i) sum += Weight(panel.data(), i, o) * activations[Index(t, i)];
        out.push_back(static_cast<float>(sum) * steps[static_cast<size_t>(t)]);
      }
    }
    return out;
  }

  std::vector<float> Run(const KernelTable& kernels) const {
    std::vector<float> out(static_cast<size_t>(tokens) * kPanelOutputs);
    std::vector<float*> rows;
    for (int t = 0; t < tokens; ++t) rows.push_back(out.data() + t * kPanelOutputs);
    kernels.panel_dot({panel.data(), inputs, activations.data(), tokens, steps.data(), sums.data(),
                       rows.data(), panel.data(), kPanelBlockBytes});
    return out;
  }

  int tokens;
  int64_t inputs;
  std::mt19937 random{7};
  std::vector<uint8_t> panel;
  std::vector<int8_t> activations;
  std::vector<int32_t> sums;
  std::vector<float> steps;
};

TEST(PanelDot, IsExactForEveryNumberOfTokens) {
  for (const KernelTable* kernels : SupportedKernels()) {
    for (const int tokens : TokenCounts(kernels->token_tile)) {
      for (const int64_t inputs : {16, 48, 64, 80, 384, 768}) {
        const Tile tile(tokens, inputs, false);
        EXPECT_EQ(tile.Run(*kernels), tile.Expected()) << kernels->name << " " << tokens << " " << inputs;
      }
    }
  }
}

TEST(PanelDot, LargestProductsDoNotSaturate) {
  for (const KernelTable* kernels : SupportedKernels()) {
    for (const int tokens : TokenCounts(kernels->token_tile)) {
      const Tile tile(tokens, 4096, true);
      EXPECT_EQ(tile.Run(*kernels), tile.Expected()) << kernels->name << " " << tokens;
    }
  }
}

}  // namespace
}  // namespace mmoe
