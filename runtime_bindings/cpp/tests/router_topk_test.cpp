#include "kernels/moe/router_topk.h"

#include <gtest/gtest.h>

#include <vector>

namespace mmoe {
namespace {

constexpr RouterOptions kPlain = {false, 1.0f};

std::vector<int32_t> Select(const std::vector<float>& scores, const std::vector<float>& bias, int64_t top_k) {
  std::vector<int32_t> selected(static_cast<size_t>(top_k));
  std::vector<float> weights(static_cast<size_t>(top_k));
  SelectTopK(scores.data(), bias.data(), static_cast<int64_t>(scores.size()), top_k, kPlain, selected.data(),
             weights.data());
  return selected;
}

TEST(SelectTopK, BestFirst) {
  EXPECT_EQ(Select({.1f, .9f, .5f, .7f}, {0, 0, 0, 0}, 3), (std::vector<int32_t>{1, 3, 2}));
}

TEST(SelectTopK, TiesGoToTheLowerIndex) {
  EXPECT_EQ(Select({.5f, .7f, .5f, .7f, .5f}, {0, 0, 0, 0, 0}, 4), (std::vector<int32_t>{1, 3, 0, 2}));
}

TEST(SelectTopK, BiasDecidesTheOrder) {
  EXPECT_EQ(Select({.1f, .9f, .5f}, {1.0f, 0, .5f}, 2), (std::vector<int32_t>{0, 2}));
}

TEST(SelectTopK, AllExperts) {
  EXPECT_EQ(Select({.1f, .9f, .5f}, {0, 0, 0}, 3), (std::vector<int32_t>{1, 2, 0}));
}

TEST(SelectTopK, WeightsAreUnbiasedNormalisedAndScaled) {
  const float scores[] = {.25f, .75f}, bias[] = {9.0f, 0.0f};
  int32_t selected[2];
  float weights[2];
  SelectTopK(scores, bias, 2, 2, {true, 2.0f}, selected, weights);
  EXPECT_EQ(selected[0], 0);
  EXPECT_EQ(weights[0], .5f);
  EXPECT_EQ(weights[1], 1.5f);
}

}  // namespace
}  // namespace mmoe
