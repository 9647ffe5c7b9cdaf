// Bounds of memory of whole dense operators: arrays of exactly the documented sizes, so that a sanitizer sees
// any step outside them. What the numbers must be is tested from Python
// (tests/runtime_bindings/test_kernels_linear.py).

#include "kernels/linear/linear.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "capi/thread_parallel.h"
#include "kernels/isa/isa.h"
#include "kernels/linear/embedding.h"
#include "kernels/linear/swiglu_ffn.h"

namespace mmoe {
namespace {

using Scratch = std::unique_ptr<void, decltype(&std::free)>;

Scratch Allocate(size_t bytes) {
  return {std::aligned_alloc(Arena::kAlignment, std::max<size_t>(bytes, Arena::kAlignment)), &std::free};
}

struct Panels {
  Panels(int64_t panels, int64_t inputs) : inputs(inputs) {
    std::mt19937 random(5);
    weight.resize(static_cast<size_t>(panels * PanelBytes(inputs)));
    for (uint8_t& value : weight) value = static_cast<uint8_t>(random());
    scale.assign(static_cast<size_t>(panels * inputs), 0x2000);
  }

  LinearMatrix matrix() const { return {weight.data(), scale.data(), inputs}; }

  int64_t inputs;
  std::vector<uint8_t> weight;
  std::vector<uint16_t> scale;
};

std::vector<float> RandomRows(int64_t tokens, int64_t width) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> rows(static_cast<size_t>(tokens * width));
  for (float& value : rows) value = normal(random);
  return rows;
}

void RunLinear(const KernelTable& kernels, int64_t tokens, int64_t outputs) {
  constexpr int64_t kInputs = 96, kSecond = 7;
  const Panels panels(LinearPanels(outputs) + LinearPanels(kSecond), kInputs);
  const std::vector<float> x = RandomRows(tokens, kInputs);
  std::vector<float> first(static_cast<size_t>(tokens * outputs));
  std::vector<float> second(static_cast<size_t>(tokens * kSecond));
  const LinearTarget targets[] = {{first.data(), outputs}, {second.data(), kSecond}};
  const Scratch scratch = Allocate(LinearWorkspaceBytes(tokens, kInputs, kernels));
  ThreadParallel pool(3);
  Linear(x.data(), tokens, panels.matrix(), targets, 2, kernels, pool.parallel(), scratch.get());
  for (const float value : second) EXPECT_EQ(value, value);
}

void RunSwigluFfn(const KernelTable& kernels, int64_t tokens) {
  const SwigluFfnShape shape = {tokens, 64, 160};
  const Panels gate_up(2 * LinearPanels(shape.width), shape.hidden_size);
  const Panels down(LinearPanels(shape.hidden_size), shape.width);
  const std::vector<float> x = RandomRows(tokens, shape.hidden_size);
  std::vector<float> out(x.size());
  const Scratch scratch = Allocate(SwigluFfnWorkspaceBytes(shape, kernels));
  ThreadParallel pool(2);
  SwigluFfn(shape, x.data(), gate_up.matrix(), down.matrix(), kernels, pool.parallel(), scratch.get(),
            out.data());
  for (const float value : out) EXPECT_EQ(value, value);
}

TEST(Linear, StaysInsideItsArrays) {
  for (const KernelTable* kernels : SupportedKernels()) {
    for (const int64_t tokens : {0, 1, 5, 17, 600}) {
      for (const int64_t outputs : {1, 31, 32, 33, 200}) RunLinear(*kernels, tokens, outputs);
    }
  }
}

TEST(SwigluFfn, StaysInsideItsArrays) {
  for (const KernelTable* kernels : SupportedKernels()) {
    for (const int64_t tokens : {0, 1, 13, 520}) RunSwigluFfn(*kernels, tokens);
  }
}

TEST(EmbeddingPanels, ReadsTheLastRowOfAnUnfilledPanel) {
  const Panels table(2, 64);
  const std::vector<int64_t> ids = {0, 31, 32, 63};
  std::vector<float> out(ids.size() * 64);
  ThreadParallel pool(1);
  EmbeddingPanels(table.weight.data(), table.scale.data(), 64, ids.data(), 4, pool.parallel(), out.data());
  for (const float value : out) EXPECT_EQ(value, value);
}

}  // namespace
}  // namespace mmoe
