// The routed experts at the shapes of MobileMoE-S, M and L, and, grouped along the input, of OLMoE and Granite. Layer after layer of a mapped file passes with
// inputs that change from call to call, so that weights come from memory as they do in a model.
//
// One token is compared with a plain read of the same mapping by the same threads, many tokens with the
// int8 peak of the same instruction set, each measured in the same iteration. The router's bytes and
// multiply-adds are work that counts for nothing.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "benchmarks/against_limit.h"
#include "benchmarks/mapped_experts.h"
#include "benchmarks/mapped_grouped_experts.h"
#include "benchmarks/support.h"
#include "kernels/task_pool.h"

namespace mmoe {
namespace {

constexpr int64_t kTokens[] = {1, 128, 512};
constexpr int64_t kRounds = 9;

struct OutputGrouped {
  using Experts = MappedExperts;
  static size_t WorkspaceBytes(const MoeFfnShape& shape, int64_t) {
    return MoeFfnWorkspaceBytes(shape, BenchmarkedKernels(), BenchmarkThreads());
  }
  static Experts Make(const MoeFfnShape& shape, int64_t) { return Experts(shape); }
  static constexpr auto kRun = MoeFfn;
};

struct InputGrouped {
  using Experts = MappedGroupedExperts;
  static size_t WorkspaceBytes(const MoeFfnShape& shape, int64_t group_size) {
    return MoeFfnInWorkspaceBytes(shape, group_size, BenchmarkedKernels(), BenchmarkThreads());
  }
  static Experts Make(const MoeFfnShape& shape, int64_t group_size) { return Experts(shape, group_size); }
  static constexpr auto kRun = MoeFfnIn;
};

template <class Kind>
void Moe(benchmark::State& state, const MoeFfnShape& shape, int64_t group_size) {
  const int64_t tokens = shape.num_tokens;
  const KernelSet& kernels = BenchmarkedKernels();
  const typename Kind::Experts experts = Kind::Make(shape, group_size);
  TaskPool pool(BenchmarkThreads());
  const Memory workspace = Allocate(static_cast<int64_t>(Kind::WorkspaceBytes(shape, group_size)));
  // Each layer of each round starts elsewhere in these, and so meets other experts.
  const int64_t layers = experts.layers();
  const std::vector<float> inputs = Normal((tokens + layers * (kRounds + 1)) * shape.hidden_size);
  std::vector<float> out(static_cast<size_t>(tokens * shape.hidden_size));
  int64_t calls = 0;
  const auto run_layers = [&] {
    for (int64_t layer = 0; layer < layers; ++layer) {
      auto args = experts.Layer(layer);
      args.x = inputs.data() + calls++ * shape.hidden_size;
      args.out = out.data();
      Kind::kRun(args, kernels, pool.parallel(), workspace.get());
      benchmark::DoNotOptimize(out.data());
    }
  };
  run_layers();
  const bool one = tokens == 1;
  const int64_t multiply_adds = tokens * shape.top_k * 3 * shape.hidden_size * shape.intermediate_size;
  const int64_t each = one ? shape.top_k * experts.expert_bytes() : multiply_adds;
  MeasureAgainst(state, one ? Limit::kPlainRead : Limit::kInt8Peak, static_cast<double>(each * layers),
                 layers, experts.bytes(), experts.size(), pool.parallel(), run_layers);
}

template <class Kind>
void Register(const std::string& title, MoeFfnShape shape, int64_t group_size) {
  for (const int64_t tokens : kTokens) {
    shape.num_tokens = tokens;
    benchmark::RegisterBenchmark((title + "/" + std::to_string(tokens)).c_str(), Moe<Kind>, shape, group_size)
        ->Iterations(kRounds)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace
}  // namespace mmoe

int main(int argc, char** argv) {
  mmoe::Register<mmoe::OutputGrouped>("moe_ffn/S", {0, 768, 60, 384, 4}, 32);
  mmoe::Register<mmoe::OutputGrouped>("moe_ffn/M", {0, 1024, 60, 512, 4}, 32);
  mmoe::Register<mmoe::OutputGrouped>("moe_ffn/L", {0, 1280, 60, 640, 4}, 32);
  for (const int64_t group_size : {32, 64, 128}) {
    const std::string groups = "/g" + std::to_string(group_size);
    mmoe::Register<mmoe::InputGrouped>("moe_ffn_in/OLMoE" + groups, {0, 2048, 64, 1024, 8}, group_size);
    mmoe::Register<mmoe::InputGrouped>("moe_ffn_in/Granite-1B" + groups, {0, 1024, 32, 512, 8}, group_size);
  }
  return mmoe::RunBenchmarks(argc, argv);
}
