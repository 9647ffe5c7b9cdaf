// A panel's products beside the quantisation for the next panel, against the two one after the other, whose
// own tests compare with definitions: for every instruction set, number of tokens and both kinds of widths,
// those that an instruction set interleaves and those that it cannot, and for scales that lie close together or
// so far apart that int16 is too coarse for some tokens.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/arena.h"
#include "kernels/isa/isa.h"
#include "kernels/moe/panel_dot.h"
#include "kernels/moe/quantize_activations.h"
#include "kernels/panel.h"
#include "kernels/simd/float16.h"
#include "tests/token_counts.h"

namespace mmoe {
namespace {

struct Results {
  std::vector<float> products, scales;
  std::vector<int8_t> quantized;
  std::vector<int32_t> sums;
};

enum class Scales { kClose, kSpread };

class Tile {
 public:
  Tile(const KernelTable& kernels, int tokens, int64_t inputs, Scales kind)
      : kernels_(kernels),
        tokens_(tokens),
        inputs_(inputs),
        padded_(PaddedInputs(inputs)),
        memory_(std::aligned_alloc(Arena::kAlignment, 1 << 20), &std::free) {
    Arena arena(memory_.get());
    std::mt19937 random{11};
    std::normal_distribution<float> normal;
    panel_.resize(static_cast<size_t>(PanelBytes(inputs)));
    for (uint8_t& byte : panel_) byte = static_cast<uint8_t>(random());
    activations_.resize(static_cast<size_t>(padded_ * tokens));
    for (int8_t& value : activations_) value = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
    scales_ = arena.Take<int16_t>(padded_);
    scaled_ = arena.Take<int16_t>(padded_);
    for (int64_t i = 0; i < inputs; ++i) {
      // 2^-7 to 2^-6, or whatever is finite.
      const uint32_t bits = kind == Scales::kClose ? 0x2000 + random() % 1024 : random() % 0x7c00;
      half_scales_.push_back(static_cast<uint16_t>(bits));
    }
    scale_of_scales_ = kernels.quantize_scales(half_scales_.data(), inputs, scales_);
    exact_.resize(static_cast<size_t>(inputs * tokens));
    for (int t = 0; t < tokens; ++t) {
      float* x = exact_.data() + t * inputs;
      for (int64_t i = 0; i < inputs; ++i) {
        // A token of zeros too, which has no largest value to divide by; and of spread scales, every other token
        // makes products of one size.
        const float scale = Float16ToFloat(half_scales_[static_cast<size_t>(i)]);
        const bool opposite = kind == Scales::kSpread && t % 2 == 0 && scale > 0;
        x[i] = t == 1 ? 0.0f : opposite ? normal(random) / scale : normal(random);
      }
      exact_rows_.push_back(x);
      int16_t* row = arena.Take<int16_t>(padded_);
      row_scales_.push_back(kernels.quantize_row(x, inputs, row));
      rows_.push_back(row);
      panel_sums_.push_back(static_cast<int32_t>(random() % 1000));
      panel_steps_.push_back(static_cast<float>(t + 1) / 7.0f);
    }
    EXPECT_LE(arena.used(), size_t{1} << 20);
  }

  Results Run(bool together) {
    const auto tokens = static_cast<size_t>(tokens_);
    Results results = {std::vector<float>(tokens * kPanelOutputs), std::vector<float>(tokens),
                       std::vector<int8_t>(tokens * static_cast<size_t>(padded_)),
                       std::vector<int32_t>(tokens)};
    std::vector<float*> outputs;
    for (size_t t = 0; t < tokens; ++t) outputs.push_back(results.products.data() + t * kPanelOutputs);
    const PanelDotArgs product = {
        panel_.data(),      inputs_,        activations_.data(), tokens_, panel_steps_.data(),
        panel_sums_.data(), outputs.data(), panel_.data(),       0};
    const QuantizeTileArgs next = {rows_.data(),
                                   row_scales_.data(),
                                   scales_,
                                   scale_of_scales_,
                                   exact_rows_.data(),
                                   half_scales_.data(),
                                   inputs_,
                                   tokens_,
                                   results.quantized.data(),
                                   results.scales.data(),
                                   results.sums.data()};
    if (together) {
      kernels_.panel_dot_and_quantize(product, next, scaled_);
    } else {
      kernels_.panel_dot(product);
      kernels_.quantize_tile(next);
    }
    return results;
  }

 private:
  const KernelTable& kernels_;
  int tokens_;
  int64_t inputs_, padded_;
  std::unique_ptr<void, decltype(&std::free)> memory_;
  std::vector<uint8_t> panel_;
  std::vector<int8_t> activations_;
  int16_t *scales_, *scaled_;
  float scale_of_scales_;
  std::vector<uint16_t> half_scales_;
  std::vector<float> exact_;
  std::vector<const float*> exact_rows_;
  std::vector<const int16_t*> rows_;
  std::vector<float> row_scales_, panel_steps_;
  std::vector<int32_t> panel_sums_;
};

TEST(PanelDotAndQuantize, IsThePairOneAfterTheOther) {
  for (const KernelTable* kernels : SupportedKernels()) {
    for (const int tokens : TokenCounts(kernels->token_tile)) {
      for (const int64_t inputs : {16, 80, 128, 192, 384, 768, 1280}) {
        if (tokens > 17 && inputs > 192) continue;  // minutes under an emulator
        for (const Scales kind : {Scales::kClose, Scales::kSpread}) {
          Tile tile(*kernels, tokens, inputs, kind);
          const Results expected = tile.Run(false), found = tile.Run(true);
          const std::string where = std::string(kernels->name) + " " + std::to_string(tokens) + " " +
                                    std::to_string(inputs) + (kind == Scales::kSpread ? " spread" : "");
          EXPECT_EQ(found.products, expected.products) << where;
          EXPECT_EQ(found.quantized, expected.quantized) << where;
          EXPECT_EQ(found.scales, expected.scales) << where;
          EXPECT_EQ(found.sums, expected.sums) << where;
        }
      }
    }
  }
}

}  // namespace
}  // namespace mmoe
