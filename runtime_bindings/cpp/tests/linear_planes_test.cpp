// Matrices of planes: the same bits on every instruction set, near float64, and no step outside their arrays.

#include "kernels/linear/linear_planes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "capi/thread_parallel.h"
#include "kernels/arena.h"
#include "kernels/isa/isa.h"
#include "kernels/panel.h"

namespace mmoe {
namespace {

constexpr int64_t kInputs = 96, kOutputs = 70, kPanels = 3;

using Scratch = std::unique_ptr<void, decltype(&std::free)>;

// Any nibbles at all, with scales around 1/64.
struct Matrix {
  explicit Matrix(int64_t planes) : planes(planes) {
    std::mt19937 random(11);
    weight.resize(static_cast<size_t>(kPanels * PanelBytes(planes * kInputs)));
    for (uint8_t& value : weight) value = static_cast<uint8_t>(random());
    std::uniform_real_distribution<float> uniform(-0.02f, 0.02f);
    scale.resize(static_cast<size_t>(kPanels * planes * kInputs));
    for (float& value : scale) value = uniform(random);
  }

  PlaneMatrix matrix() const { return {weight.data(), nullptr, scale.data(), kInputs, planes}; }

  int64_t planes;
  std::vector<uint8_t> weight;
  std::vector<float> scale;
};

std::vector<float> Rows(int64_t tokens) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> rows(static_cast<size_t>(tokens * kInputs));
  for (float& value : rows) value = normal(random);
  return rows;
}

std::vector<float> Product(const KernelTable& kernels, const Matrix& matrix, const std::vector<float>& x,
                           int64_t tokens) {
  std::vector<float> out(static_cast<size_t>(tokens * kOutputs));
  const size_t bytes = LinearPlanesWorkspaceBytes(tokens, kInputs, matrix.planes, kernels);
  const Scratch scratch(std::aligned_alloc(Arena::kAlignment, bytes), &std::free);
  ThreadParallel pool(3);
  LinearPlanes(x.data(), tokens, matrix.matrix(), kOutputs, out.data(), kernels, pool.parallel(),
               scratch.get());
  return out;
}

TEST(LinearPlanes, GivesTheSameBitsOnEveryInstructionSet) {
  for (const int64_t planes : {2, 4}) {
    const Matrix matrix(planes);
    for (const int64_t tokens : {1, 2, 7, 33, 600}) {
      const std::vector<float> x = Rows(tokens);
      const std::vector<float> expected = Product(*SupportedKernels().front(), matrix, x, tokens);
      for (const KernelTable* kernels : SupportedKernels()) {
        EXPECT_EQ(Product(*kernels, matrix, x, tokens), expected) << kernels->name << ", " << tokens;
      }
    }
  }
}

TEST(LinearPlanes, IsTheProductWithTheRowsOfTheEmbedding) {
  for (const int64_t planes : {2, 4}) {
    const Matrix matrix(planes);
    std::vector<int64_t> ids(kOutputs);
    for (int64_t i = 0; i < kOutputs; ++i) ids[i] = i;
    std::vector<float> rows(static_cast<size_t>(kOutputs * kInputs));
    ThreadParallel pool(2);
    EmbeddingPlanes(matrix.matrix(), ids.data(), kOutputs, pool.parallel(), rows.data());
    const std::vector<float> x = Rows(5);
    const std::vector<float> out = Product(*SupportedKernels().back(), matrix, x, 5);
    double signal = 0, noise = 0;
    for (int64_t t = 0; t < 5; ++t) {
      for (int64_t o = 0; o < kOutputs; ++o) {
        double sum = 0;
        for (int64_t i = 0; i < kInputs; ++i) {
          sum += static_cast<double>(x[t * kInputs + i]) * rows[o * kInputs + i];
        }
        const double error = out[t * kOutputs + o] - sum;
        signal += sum * sum;
        noise += error * error;
      }
    }
    // What rounding activations to int8 leaves.
    EXPECT_GT(10 * std::log10(signal / noise), 40);
  }
}

TEST(LinearPlanes, RefusesOtherNumbersOfPlanes) {
  EXPECT_EQ(CheckLinearPlanes(64, 10, 2), nullptr);
  EXPECT_NE(CheckLinearPlanes(64, 10, 3), nullptr);
  EXPECT_NE(CheckLinearPlanes(63, 10, 2), nullptr);
  EXPECT_NE(CheckLinearPlanes(1 << 20, 10, 2), nullptr);
}

}  // namespace
}  // namespace mmoe
