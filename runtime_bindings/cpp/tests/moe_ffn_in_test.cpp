// Bounds of memory, as in moe_ffn_test.cpp, and the same bits for every instruction set that this CPU has; the numbers
// themselves are tested from Python (tests/runtime_bindings/test_kernels_moe_ffn_in.py).

#include "kernels/moe/moe_ffn_in.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "capi/thread_parallel.h"
#include "kernels/arena.h"
#include "kernels/isa/isa.h"

namespace mmoe {
namespace {

struct Matrix {
  Matrix(std::mt19937& random, int64_t experts, int64_t outputs, int64_t inputs, int64_t group) {
    std::uniform_real_distribution<float> scales(0.001f, 0.02f);
    const auto groups = static_cast<size_t>(experts * outputs * inputs / group);
    weight.resize(static_cast<size_t>(experts * outputs * inputs / 2));
    for (uint8_t& value : weight) value = static_cast<uint8_t>(random());
    scale.assign(groups, 0x2000);
    float_scale.resize(groups);
    for (float& value : float_scale) value = scales(random);
    zero.resize(groups);
    for (uint8_t& value : zero) value = static_cast<uint8_t>(random() % 16);
  }

  GroupedExperts Experts(bool with_zeros, bool floats) const {
    return {weight.data(), floats ? nullptr : scale.data(), floats ? float_scale.data() : nullptr,
            with_zeros ? zero.data() : nullptr};
  }

  std::vector<uint8_t> weight, zero;
  std::vector<uint16_t> scale;
  std::vector<float> float_scale;
};

struct Layer {
  Layer(const MoeFfnShape& shape, int64_t group)
      : shape(shape),
        group(group),
        gate_up(random, shape.num_experts, 2 * shape.intermediate_size, shape.hidden_size, group),
        down(random, shape.num_experts, shape.hidden_size, shape.intermediate_size, group),
        x(Normal(shape.num_tokens * shape.hidden_size)),
        router(Normal(shape.num_experts * shape.hidden_size)),
        bias(Normal(shape.num_experts)) {}

  std::vector<float> Normal(int64_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = normal(random);
    return values;
  }

  std::vector<float> Run(const KernelTable& kernels, int workers, bool zeros, bool floats) const {
    std::vector<float> out(x.size());
    const size_t bytes = MoeFfnInWorkspaceBytes(shape, group, kernels, workers);
    const std::unique_ptr<void, decltype(&std::free)> scratch(std::aligned_alloc(Arena::kAlignment, bytes),
                                                              &std::free);
    ThreadParallel pool(workers);
    MoeFfnIn({shape,
              group,
              {true, 2.5f, floats, 1e-6f},
              x.data(),
              router.data(),
              bias.data(),
              gate_up.Experts(zeros, floats),
              down.Experts(zeros, floats),
              out.data()},
             kernels, pool.parallel(), scratch.get());
    return out;
  }

  MoeFfnShape shape;
  int64_t group;
  std::mt19937 random{1};
  Matrix gate_up, down;
  std::vector<float> x, router, bias;
};

class MoeFfnInOf : public testing::TestWithParam<MoeFfnShape> {};

TEST_P(MoeFfnInOf, StaysInItsArraysAndGivesTheSameBitsEverywhere) {
  const char* error = nullptr;
  const KernelTable* portable = FindKernels("portable", &error);
  const MoeFfnShape& shape = GetParam();
  for (const int64_t group : {32, 64, 128}) {
    // Five and three panels are no pairs.
    if (group > 32 && shape.hidden_size == 160) continue;
    ASSERT_EQ(CheckMoeFfnIn(shape, group), nullptr);
    const Layer layer(shape, group);
    for (const bool zeros : {false, true}) {
      for (const bool floats : {false, true}) {
        const std::vector<float> expected = layer.Run(*portable, 1, zeros, floats);
        for (const KernelTable* kernels : SupportedKernels()) {
          for (const int workers : {1, 3}) {
            if (kernels == portable && workers == 1) continue;  // is `expected`
            EXPECT_EQ(layer.Run(*kernels, workers, zeros, floats), expected)
                << kernels->name << ", " << workers << " workers, " << group;
          }
        }
      }
    }
  }
}

std::string NameOf(const testing::TestParamInfo<MoeFfnShape>& info) {
  const MoeFfnShape& shape = info.param;
  return std::to_string(shape.num_tokens) + "_" + std::to_string(shape.hidden_size) + "_" +
         std::to_string(shape.num_experts) + "_" + std::to_string(shape.intermediate_size) + "_" +
         std::to_string(shape.top_k);
}

INSTANTIATE_TEST_SUITE_P(MoeFfnIn, MoeFfnInOf,
                         testing::Values(MoeFfnShape{0, 128, 3, 128, 2}, MoeFfnShape{1, 128, 1, 256, 1},
                                         MoeFfnShape{1, 384, 5, 128, 5}, MoeFfnShape{1, 160, 5, 96, 3},
                                         MoeFfnShape{13, 128, 2, 128, 1}, MoeFfnShape{37, 128, 19, 256, 3},
                                         MoeFfnShape{600, 128, 2, 128, 1}),
                         NameOf);

TEST(MoeFfnIn, ScratchIsBounded) {
  const char* error = nullptr;
  const KernelTable& kernels = *FindKernels("portable", &error);
  const MoeFfnShape many = {100000, 2048, 64, 1024, 8}, few = {512, 2048, 64, 1024, 8};
  EXPECT_EQ(MoeFfnInWorkspaceBytes(many, 32, kernels, 2), MoeFfnInWorkspaceBytes(few, 32, kernels, 2));
  EXPECT_LT(MoeFfnInWorkspaceBytes(many, 32, kernels, 2), size_t{32} << 20);
}

}  // namespace
}  // namespace mmoe
