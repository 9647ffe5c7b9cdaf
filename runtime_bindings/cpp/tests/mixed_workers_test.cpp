// Workers with different tables at the same work: the bits of every table alone, whoever takes which task.

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/arena.h"
#include "kernels/isa/isa.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/linear_planes.h"
#include "kernels/linear/swiglu_ffn.h"
#include "kernels/moe/moe_ffn.h"
#include "kernels/moe/moe_ffn_in.h"
#include "kernels/task_pool.h"

namespace mmoe {
namespace {

constexpr int64_t kHidden = 128, kWidth = 256, kExperts = 3, kTopK = 2;

class Random {
 public:
  std::vector<float> Floats(int64_t count, float deviation = 1.0f) {
    std::normal_distribution<float> normal(0.0f, deviation);
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = normal(engine_);
    return values;
  }

  std::vector<uint8_t> Bytes(int64_t count, int limit = 256) {
    std::vector<uint8_t> values(static_cast<size_t>(count));
    for (uint8_t& value : values) value = static_cast<uint8_t>(engine_() % static_cast<unsigned>(limit));
    return values;
  }

  // float16 of 2^-7 to 2^-5.
  std::vector<uint16_t> Scales(int64_t count) {
    std::vector<uint16_t> values(static_cast<size_t>(count));
    for (uint16_t& value : values) value = static_cast<uint16_t>(0x2000 + engine_() % 0x0800);
    return values;
  }

 private:
  std::mt19937 engine_{1};
};

// Calls body(scratch) with as many bytes of scratch.
template <class Body>
void WithScratch(size_t bytes, const Body& body) {
  const std::unique_ptr<void, decltype(&std::free)> scratch(
      std::aligned_alloc(Arena::kAlignment, bytes + Arena::kAlignment), &std::free);
  body(scratch.get());
}

// One layer of every operator whose products differ from table to table.
class Operators {
 public:
  explicit Operators(int64_t tokens)
      : tokens_(tokens),
        x_(random_.Floats(tokens * kHidden)),
        router_(random_.Floats(kExperts * kHidden)),
        // Most tokens meet the first expert, whose rows are more than a task's.
        bias_({4.0f, 0.0f, 0.0f}),
        gate_up_(random_.Bytes(kExperts * kWidth * kHidden)),
        down_(random_.Bytes(kExperts * kHidden * kWidth / 2)),
        gate_up_scale_(random_.Scales(kExperts * 2 * kWidth * kHidden / 32)),
        down_scale_(random_.Scales(kExperts * kHidden * kWidth / 32)),
        gate_up_zero_(random_.Bytes(kExperts * 2 * kWidth * kHidden / 32, 16)),
        down_zero_(random_.Bytes(kExperts * kHidden * kWidth / 32, 16)) {}

  std::vector<float> MoeFfn(const KernelSet& kernels, const Parallel& parallel) const {
    std::vector<float> out(x_.size());
    const MoeFfnShape shape = {tokens_, kHidden, kExperts, kWidth, kTopK};
    WithScratch(MoeFfnWorkspaceBytes(shape, kernels, parallel.num_workers), [&](void* scratch) {
      mmoe::MoeFfn({shape,
                    {true, 1.0f},
                    x_.data(),
                    router_.data(),
                    bias_.data(),
                    gate_up_.data(),
                    gate_up_scale_.data(),
                    down_.data(),
                    down_scale_.data(),
                    out.data()},
                   kernels, parallel, scratch);
    });
    return out;
  }

  std::vector<float> MoeFfnIn(int64_t group, const KernelSet& kernels, const Parallel& parallel) const {
    std::vector<float> out(x_.size());
    const MoeFfnShape shape = {tokens_, kHidden, kExperts, kWidth, kTopK};
    const bool dense = group == 32;
    WithScratch(MoeFfnInWorkspaceBytes(shape, group, kernels, parallel.num_workers), [&](void* scratch) {
      mmoe::MoeFfnIn(
          {shape,
           group,
           {true, 1.0f},
           x_.data(),
           router_.data(),
           bias_.data(),
           {gate_up_.data(), gate_up_scale_.data(), nullptr, dense ? nullptr : gate_up_zero_.data()},
           {down_.data(), down_scale_.data(), nullptr, dense ? nullptr : down_zero_.data()},
           out.data()},
          kernels, parallel, scratch);
    });
    return out;
  }

  // Two targets, of which the first ends within a panel.
  std::vector<float> Linear(const KernelSet& kernels, const Parallel& parallel) const {
    constexpr int64_t kFirst = 70, kSecond = 64;
    std::vector<float> out(static_cast<size_t>(tokens_ * (kFirst + kSecond)));
    const LinearTarget targets[] = {{out.data(), kFirst}, {out.data() + tokens_ * kFirst, kSecond}};
    WithScratch(LinearWorkspaceBytes(tokens_, kHidden, kernels), [&](void* scratch) {
      mmoe::Linear(x_.data(), tokens_, {gate_up_.data(), gate_up_scale_.data(), kHidden}, targets, 2, kernels,
                   parallel, scratch);
    });
    return out;
  }

  std::vector<float> LinearPlanes(int64_t planes, const KernelSet& kernels, const Parallel& parallel) const {
    constexpr int64_t kOutputs = 70;
    std::vector<float> out(static_cast<size_t>(tokens_ * kOutputs));
    WithScratch(LinearPlanesWorkspaceBytes(tokens_, kHidden, planes, kernels), [&](void* scratch) {
      mmoe::LinearPlanes(x_.data(), tokens_,
                         {gate_up_.data(), gate_up_scale_.data(), nullptr, kHidden, planes}, kOutputs,
                         out.data(), kernels, parallel, scratch);
    });
    return out;
  }

  std::vector<float> SwigluFfn(const KernelSet& kernels, const Parallel& parallel) const {
    std::vector<float> out(x_.size());
    const SwigluFfnShape shape = {tokens_, kHidden, kWidth};
    WithScratch(SwigluFfnWorkspaceBytes(shape, kernels), [&](void* scratch) {
      mmoe::SwigluFfn(shape, x_.data(), {gate_up_.data(), gate_up_scale_.data(), kHidden},
                      {down_.data(), down_scale_.data(), kWidth}, kernels, parallel, scratch, out.data());
    });
    return out;
  }

  std::vector<std::vector<float>> Results(const KernelSet& kernels, const Parallel& parallel) const {
    return {MoeFfn(kernels, parallel),          MoeFfnIn(32, kernels, parallel),
            MoeFfnIn(64, kernels, parallel),    MoeFfnIn(128, kernels, parallel),
            Linear(kernels, parallel),          LinearPlanes(2, kernels, parallel),
            LinearPlanes(4, kernels, parallel), SwigluFfn(kernels, parallel)};
  }

 private:
  Random random_;
  int64_t tokens_;
  std::vector<float> x_, router_, bias_;
  std::vector<uint8_t> gate_up_, down_;
  std::vector<uint16_t> gate_up_scale_, down_scale_;
  std::vector<uint8_t> gate_up_zero_, down_zero_;
};

// Pairs of tables of this machine, both ways round. Beside the fastest with the portable one, whose tiles differ everywhere, the
// set that is chosen when that has two.
std::vector<KernelSet> MixedSets() {
  const char* error = nullptr;
  const KernelTable &fastest = *SupportedKernels().front(), &portable = *SupportedKernels().back();
  std::vector<KernelSet> sets;
  if (&fastest != &portable) sets = {{fastest, 1, portable}, {portable, 1, fastest}, {fastest, 2, portable}};
  const std::optional<KernelSet> chosen = FindKernelSet(fastest.name, &error);
  if (chosen->kinds() > 1) sets.push_back(*chosen);
  return sets;
}

std::string NameOf(const KernelSet& set) {
  return std::string(set.OfKind(0).name) + " and " + set.OfKind(set.kinds() - 1).name;
}

// Results of every task by the first and by the last worker's table, in turns: on an idle machine one thread might do all.
struct InTurns {
  int workers;

  Parallel parallel() { return {workers, this, Run}; }

  static void Run(void* self, int64_t count, Parallel::Task task, void* context) {
    const int workers = static_cast<InTurns*>(self)->workers;
    for (int64_t index = count - 1; index >= 0; --index) {
      task(context, index, static_cast<int>(index * 7 / 3 % workers));
    }
  }
};

class MixedWorkers : public testing::TestWithParam<int64_t> {};

TEST_P(MixedWorkers, GiveTheBitsOfEveryTableAlone) {
  const Operators operators(GetParam());
  const char* error = nullptr;
  InTurns alone = {1};
  const auto expected = operators.Results(*FindKernels("portable", &error), alone.parallel());
  const auto compare = [&](const KernelSet& kernels, const Parallel& parallel) {
    const auto results = operators.Results(kernels, parallel);
    for (size_t i = 0; i < results.size(); ++i) {
      EXPECT_TRUE(results[i] == expected[i])
          << "operator " << i << ", " << NameOf(kernels) << ", workers: " << parallel.num_workers;
    }
  };
  for (const KernelTable* table : SupportedKernels()) compare(*table, alone.parallel());
  for (const KernelSet& set : MixedSets()) {
    for (const int workers : {1, 2, 3, 4}) {
      TaskPool pool(workers);
      compare(set, pool.parallel());
      InTurns in_turns = {workers};
      compare(set, in_turns.parallel());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tokens, MixedWorkers, testing::Values(1, 2, 7, 33, 130));

}  // namespace
}  // namespace mmoe
