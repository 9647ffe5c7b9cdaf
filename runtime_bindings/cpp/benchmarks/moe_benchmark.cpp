// The routed experts at the shapes of MobileMoE-S, M and L. Layer after layer of a mapped file passes with
// inputs that change from call to call, so that weights come from memory as they do in a model.
//
// One token is compared with a plain read of the same mapping by the same threads, many tokens with the
// int8 peak of the same instruction set, each measured in the same iteration. The router's bytes and
// multiply-adds are work that counts for nothing.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "benchmarks/mapped_experts.h"
#include "benchmarks/support.h"
#include "benchmarks/waiting_pool.h"
#include "tools/int8_peak.h"

namespace mmoe {
namespace {

struct Size {
  const char* name;
  int64_t hidden_size, intermediate_size;
};
constexpr Size kSizes[] = {{"S", 768, 384}, {"M", 1024, 512}, {"L", 1280, 640}};
constexpr int64_t kExperts = 60, kTopK = 4;
constexpr int64_t kTokens[] = {1, 128, 512};
constexpr int64_t kRounds = 9;

void Moe(benchmark::State& state, const Size& size, int64_t tokens) {
  const MoeFfnShape shape = {tokens, size.hidden_size, kExperts, size.intermediate_size, kTopK};
  const KernelTable& kernels = BenchmarkedKernels();
  const MappedExperts experts(shape);
  WaitingPool pool(BenchmarkThreads());
  const Memory workspace =
      Allocate(static_cast<int64_t>(MoeFfnWorkspaceBytes(shape, kernels, BenchmarkThreads())));
  // Each layer of each round starts elsewhere in these, and so meets other experts.
  const int64_t layers = experts.layers();
  const std::vector<float> inputs = Normal((tokens + layers * (kRounds + 1)) * size.hidden_size);
  std::vector<float> out(static_cast<size_t>(tokens * size.hidden_size));
  int64_t calls = 0;
  const auto run_layers = [&] {
    for (int64_t layer = 0; layer < layers; ++layer) {
      MoeFfnArgs args = experts.Layer(layer);
      args.x = inputs.data() + calls++ * size.hidden_size;
      args.out = out.data();
      MoeFfn(args, kernels, pool.parallel(), workspace.get());
      benchmark::DoNotOptimize(out.data());
    }
  };
  run_layers();
  std::vector<double> rates, limits, shares;
  for (auto _ : state) {
    double limit, work;
    if (tokens == 1) {
      work = static_cast<double>(kTopK * experts.expert_bytes() * layers);
      limit = static_cast<double>(experts.size()) /
              SecondsOf([&] { ReadPlainly(experts.bytes(), experts.size(), pool.parallel()); });
    } else {
      work = static_cast<double>(tokens * kTopK * 3 * size.hidden_size * size.intermediate_size * layers);
      limit = Int8Peak(kernels.name, pool.parallel());
    }
    const double seconds = SecondsOf(run_layers);
    state.SetIterationTime(seconds / static_cast<double>(layers));
    rates.push_back(work / seconds * 1e-9);
    limits.push_back(limit * 1e-9);
    if (limit > 0) shares.push_back(work / seconds / limit);
  }
  state.counters[tokens == 1 ? "GB/s" : "GMAC/s"] = Median(rates);
  if (shares.empty()) return;
  state.counters[tokens == 1 ? "read_GB/s" : "peak_GMAC/s"] = Median(limits);
  state.counters[tokens == 1 ? "of_read" : "of_peak"] = Median(shares);
}

}  // namespace
}  // namespace mmoe

int main(int argc, char** argv) {
  for (const mmoe::Size& size : mmoe::kSizes) {
    for (const int64_t tokens : mmoe::kTokens) {
      const std::string title = std::string("moe_ffn/") + size.name + "/" + std::to_string(tokens);
      benchmark::RegisterBenchmark(title.c_str(), mmoe::Moe, size, tokens)
          ->Iterations(mmoe::kRounds)
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
    }
  }
  return mmoe::RunBenchmarks(argc, argv);
}
