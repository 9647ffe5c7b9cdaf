#include "benchmarks/support.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <thread>

#include "kernels/arena.h"
#include "kernels/isa/isa.h"
#include "tools/read_bandwidth.h"

namespace mmoe {

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

Memory Allocate(int64_t bytes) {
  return Memory(
      static_cast<char*>(std::aligned_alloc(Arena::kAlignment, static_cast<size_t>(bytes + 63) / 64 * 64)));
}

std::vector<float> Normal(int64_t count) {
  static std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

void ReadPlainly(const char* bytes, int64_t count, const Parallel& parallel) {
  constexpr int64_t kPiece = 64 << 10;
  ParallelFor(parallel, (count + kPiece - 1) / kPiece, [&](int64_t piece, int) {
    const int64_t from = piece * kPiece, size = std::min(kPiece, count - from);
    benchmark::DoNotOptimize(
        SumWords(reinterpret_cast<const uint64_t*>(bytes + from), static_cast<size_t>(size) / 8));
  });
}

const KernelSet& BenchmarkedKernels() {
  static const KernelSet kernels = [] {
    const char* error = nullptr;
    const KernelSet* selected = SelectKernels(&error);
    if (selected == nullptr) {
      std::fprintf(stderr, "%s\n", error);
      std::exit(1);
    }
    return selected->Among(BenchmarkThreads());
  }();
  return kernels;
}

int BenchmarkThreads() {
  const char* asked = std::getenv("MMOE_BENCHMARK_THREADS");
  return asked != nullptr ? std::atoi(asked) : static_cast<int>(std::thread::hardware_concurrency());
}

int RunBenchmarks(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("isa", BenchmarkedKernels().first().name);
  benchmark::AddCustomContext("threads", std::to_string(BenchmarkThreads()));
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace mmoe
