// Bounds of memory: arrays of exactly the documented sizes, so that a sanitizer sees any step outside them.
// What the numbers must be is tested from Python (tests/runtime_bindings/test_kernels_*.py).

#include "kernels/moe/moe_ffn.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "capi/thread_parallel.h"
#include "kernels/arena.h"
#include "kernels/isa/isa.h"

namespace mmoe {
namespace {

struct Layer {
  explicit Layer(const MoeFfnShape& shape) : shape(shape) {
    const auto h = static_cast<size_t>(shape.hidden_size), e = static_cast<size_t>(shape.num_experts);
    const auto f = static_cast<size_t>(shape.intermediate_size), t = static_cast<size_t>(shape.num_tokens);
    Fill(x, t * h);
    Fill(router_weight, e * h);
    Fill(expert_bias, e);
    Fill(gate_up_weight, e * f * h);
    Fill(down_weight, e * f * h / 2);
    gate_up_scale.assign(e * 2 * f / 32 * h, 0x2000);
    down_scale.assign(e * h / 32 * f, 0x2000);
  }

  void Fill(std::vector<float>& values, size_t count) {
    std::normal_distribution<float> normal;
    values.resize(count);
    for (float& value : values) value = normal(random);
  }

  void Fill(std::vector<uint8_t>& values, size_t count) {
    values.resize(count);
    for (uint8_t& value : values) value = static_cast<uint8_t>(random());
  }

  std::vector<float> Run(const KernelTable& kernels, int workers) const {
    std::vector<float> out(x.size());
    const size_t bytes = MoeFfnWorkspaceBytes(shape, kernels, workers);
    const std::unique_ptr<void, decltype(&std::free)> scratch(std::aligned_alloc(Arena::kAlignment, bytes),
                                                              &std::free);
    ThreadParallel pool(workers);
    MoeFfn({shape,
            {true, 2.5f},
            x.data(),
            router_weight.data(),
            expert_bias.data(),
            gate_up_weight.data(),
            gate_up_scale.data(),
            down_weight.data(),
            down_scale.data(),
            out.data()},
           kernels, pool.parallel(), scratch.get());
    return out;
  }

  MoeFfnShape shape;
  std::mt19937 random{1};
  std::vector<float> x, router_weight, expert_bias;
  std::vector<uint8_t> gate_up_weight, down_weight;
  std::vector<uint16_t> gate_up_scale, down_scale;
};

TEST(MoeFfn, StaysInItsArraysAndGivesTheSameBitsEverywhere) {
  const char* error = nullptr;
  const KernelTable* portable = FindKernels("portable", &error);
  for (const MoeFfnShape& shape : {MoeFfnShape{0, 32, 3, 16, 2},
                                   {1, 32, 1, 16, 1},
                                   {1, 96, 5, 48, 5},
                                   {37, 64, 4, 80, 3},
                                   {300, 32, 7, 32, 2},
                                   {600, 32, 2, 16, 1}}) {
    ASSERT_EQ(CheckMoeFfn(shape), nullptr);
    const Layer layer(shape);
    const std::vector<float> expected = layer.Run(*portable, 1);
    for (const KernelTable* kernels : SupportedKernels()) {
      EXPECT_EQ(layer.Run(*kernels, 1), expected) << kernels->name;
      EXPECT_EQ(layer.Run(*kernels, 3), expected) << kernels->name;
    }
  }
}

TEST(MoeFfn, ScratchIsBounded) {
  const char* error = nullptr;
  const KernelTable* kernels = FindKernels("portable", &error);
  const MoeFfnShape many = {100000, 768, 60, 384, 4}, few = {512, 768, 60, 384, 4};
  EXPECT_EQ(MoeFfnWorkspaceBytes(many, *kernels, 2), MoeFfnWorkspaceBytes(few, *kernels, 2));
  EXPECT_LT(MoeFfnWorkspaceBytes(many, *kernels, 2), size_t{16} << 20);
}

}  // namespace
}  // namespace mmoe
