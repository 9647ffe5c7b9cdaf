// Dense linears at the shapes of MobileMoE-S: matrix after matrix of a mapped file passes, so that weights come from memory as
// they do in a model. Few tokens are compared with a plain read of the same mapping by the same threads, many with the int8
// peak of the same instruction set, each measured in the same iteration.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "benchmarks/against_limit.h"
#include "benchmarks/mapped_file.h"
#include "benchmarks/support.h"
#include "kernels/linear/linear.h"
#include "kernels/panel.h"
#include "kernels/task_pool.h"

namespace mmoe {
namespace {

constexpr int64_t kTokens[] = {1, 2, 4, 8, 128};
constexpr int64_t kFewTokens = 8;
constexpr int64_t kRounds = 15;

// Matrices of one shape, one after the other, weights before scales.
class MappedLinears {
 public:
  MappedLinears(int64_t inputs, int64_t outputs)
      : inputs_(inputs), weights_(inputs * outputs), count_(kLeastMappedBytes / bytes() + 1) {
    std::mt19937_64 random(1);
    std::vector<uint64_t> nibbles(static_cast<size_t>(weights_ / 16));
    // float16: 2^-7 to 2^-6.
    std::vector<uint16_t> scales(static_cast<size_t>(weights_ / kLinearGroup));
    for (uint16_t& scale : scales) scale = static_cast<uint16_t>(0x2000 + random() % 1024);
    for (int64_t i = 0; i < count_; ++i) {
      for (uint64_t& word : nibbles) word = random();
      file_.Append(nibbles.data(), weights_ / 2);
      file_.Append(scales.data(), weights_ / kLinearGroup * 2);
    }
    file_.Map();
  }

  int64_t count() const { return count_; }
  // Of one matrix.
  int64_t bytes() const { return weights_ / 2 + weights_ / kLinearGroup * 2; }
  const MappedFile& file() const { return file_; }

  LinearMatrix Matrix(int64_t index) const {
    const auto* weight = reinterpret_cast<const uint8_t*>(file_.bytes() + index * bytes());
    return {weight, reinterpret_cast<const uint16_t*>(weight + weights_ / 2), inputs_};
  }

 private:
  int64_t inputs_;
  int64_t weights_;  // of one matrix
  int64_t count_;
  MappedFile file_;
};

void Linears(benchmark::State& state, int64_t inputs, int64_t outputs, int64_t tokens) {
  const KernelSet& kernels = BenchmarkedKernels();
  const MappedLinears matrices(inputs, outputs);
  TaskPool pool(BenchmarkThreads());
  const Memory workspace = Allocate(static_cast<int64_t>(LinearWorkspaceBytes(tokens, inputs, kernels)));
  const std::vector<float> x = Normal(tokens * inputs);
  std::vector<float> out(static_cast<size_t>(tokens * outputs));
  const LinearTarget target = {out.data(), outputs};
  const auto run_all = [&] {
    for (int64_t i = 0; i < matrices.count(); ++i) {
      Linear(x.data(), tokens, matrices.Matrix(i), &target, 1, kernels, pool.parallel(), workspace.get());
      benchmark::DoNotOptimize(out.data());
    }
  };
  run_all();
  const bool few = tokens <= kFewTokens;
  const int64_t passes = matrices.count(), each = few ? matrices.bytes() : tokens * inputs * outputs;
  MeasureAgainst(state, few ? Limit::kPlainRead : Limit::kInt8Peak, static_cast<double>(each * passes),
                 passes, matrices.file().bytes(), matrices.file().size(), pool.parallel(), run_all);
}

void Register(const std::string& title, int64_t inputs, int64_t outputs) {
  for (const int64_t tokens : kTokens) {
    benchmark::RegisterBenchmark((title + "/" + std::to_string(tokens)).c_str(), Linears, inputs, outputs,
                                 tokens)
        ->Iterations(kRounds)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace
}  // namespace mmoe

int main(int argc, char** argv) {
  mmoe::Register("linear/head", 768, 128256);
  mmoe::Register("linear/qkv", 768, 1280);
  mmoe::Register("linear/gate_up", 768, 3072);
  mmoe::Register("linear/down", 1536, 768);
  return mmoe::RunBenchmarks(argc, argv);
}
