// Attention at the shapes of MobileMoE-S (12 query heads, 4 kv heads of 64): decode and prefill at several
// depths for each type of cache.
//
// Decode is compared with a plain read of the same memory by the same threads in the same iteration. In a
// model hundreds of megabytes of weights pass between two visits of a layer's cache; here as many caches as
// exceed the last-level cache take turns.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "benchmarks/support.h"
#include "kernels/attention/attention.h"
#include "kernels/task_pool.h"

namespace mmoe {
namespace {

constexpr int64_t kHeads = 12, kKvHeads = 4, kHeadDim = 64;
constexpr int64_t kDepths[] = {256, 1024, 4096, 8192};
constexpr int64_t kPrefillTokens = 512;
constexpr int64_t kRounds = 15;
constexpr int64_t kBytesInTurn = int64_t{256} << 20;
constexpr const char* kTypeNames[kNumCacheTypes] = {"float32", "float16", "int8"};

int64_t BytesPerToken(CacheType type) {
  const int64_t elements = 2 * kKvHeads * kHeadDim;
  if (type == CacheType::kInt8) return elements + 2 * kKvHeads * 4;
  return elements * (type == CacheType::kFloat32 ? 4 : 2);
}

// Caches of one shape behind each other, and everything else that a call needs.
class Layers {
 public:
  Layers(CacheType type, int64_t tokens, int64_t context, int64_t count)
      : shape_{tokens, kHeads, kKvHeads, kHeadDim, context},
        type_(type),
        kernels_(BenchmarkedKernels().first()),
        layer_bytes_(BytesPerToken(type) * context),
        count_(count),
        pool_(BenchmarkThreads()),
        caches_(Allocate(layer_bytes_ * count)),
        workspace_(Allocate(static_cast<int64_t>(AttentionWorkspaceBytes(shape_, BenchmarkThreads())))),
        query_(Normal(tokens * kHeads * kHeadDim)),
        key_(Normal(tokens * kKvHeads * kHeadDim)),
        angles_(Normal(tokens * kHeadDim / 2)),
        out_(query_.size()) {
    // Small positive floats, halves and integers alike.
    std::memset(caches_.get(), 0x2c, static_cast<size_t>(layer_bytes_ * count));
  }

  int64_t bytes() const { return layer_bytes_ * count_; }

  // The last tokens of the context, in every layer.
  void Attend() {
    for (int64_t layer = 0; layer < count_; ++layer) {
      char* keys = caches_.get() + layer * layer_bytes_;
      const int64_t steps = type_ == CacheType::kInt8 ? shape_.max_context_len * kKvHeads * 4 : 0;
      const int64_t half = (layer_bytes_ - 2 * steps) / 2;
      const KvCache cache = {type_,
                             kKvHeads,
                             shape_.max_context_len,
                             kHeadDim,
                             keys,
                             keys + half,
                             reinterpret_cast<float*>(keys + 2 * half),
                             reinterpret_cast<float*>(keys + 2 * half + steps)};
      Attention({shape_, query_.data(), key_.data(), key_.data(), angles_.data(), angles_.data(), cache,
                 out_.data(), shape_.max_context_len - shape_.num_tokens, true, true, 1e-5f, 0.125f},
                kernels_, pool_.parallel(), workspace_.get());
    }
  }

  void Read() { ReadPlainly(caches_.get(), bytes(), pool_.parallel()); }

 private:
  AttentionShape shape_;
  CacheType type_;
  const KernelTable& kernels_;
  int64_t layer_bytes_;
  int64_t count_;
  TaskPool pool_;
  Memory caches_, workspace_;
  std::vector<float> query_, key_, angles_, out_;
};

void Decode(benchmark::State& state, CacheType type, int64_t depth) {
  const int64_t layers = kBytesInTurn / (BytesPerToken(type) * depth);
  Layers caches(type, 1, depth, layers);
  std::vector<double> ratios, speeds;
  for (auto _ : state) {
    const double read = SecondsOf([&] { caches.Read(); });
    const double attend = SecondsOf([&] { caches.Attend(); });
    state.SetIterationTime(attend / static_cast<double>(layers));
    ratios.push_back(read / attend);
    speeds.push_back(static_cast<double>(caches.bytes()) / read * 1e-9);
  }
  state.counters["of_plain_read"] = Median(ratios);
  state.counters["plain_GB/s"] = Median(speeds);
}

// The last 512 tokens of the context, or all of it.
void Prefill(benchmark::State& state, CacheType type, int64_t depth) {
  const int64_t tokens = std::min(depth, kPrefillTokens);
  Layers caches(type, tokens, depth, 1);
  for (auto _ : state) {
    state.SetIterationTime(SecondsOf([&] { caches.Attend(); }));
  }
  const double keys = static_cast<double>(tokens) * static_cast<double>(2 * depth - tokens + 1) / 2;
  state.counters["GMAC/s"] = benchmark::Counter(2.0 * keys * kHeads * kHeadDim * 1e-9,
                                                benchmark::Counter::kIsIterationInvariantRate);
  state.counters["us/token"] =
      benchmark::Counter(static_cast<double>(tokens) * 1e-6,
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

}  // namespace
}  // namespace mmoe

int main(int argc, char** argv) {
  using namespace mmoe;
  for (int type = 0; type < kNumCacheTypes; ++type) {
    for (const int64_t depth : kDepths) {
      const auto add = [&](const char* name, void (*run)(benchmark::State&, CacheType, int64_t)) {
        const std::string title = std::string(name) + "/" + kTypeNames[type] + "/" + std::to_string(depth);
        benchmark::RegisterBenchmark(title.c_str(), run, static_cast<CacheType>(type), depth)
            ->Iterations(kRounds)
            ->UseManualTime()
            ->Unit(benchmark::kMicrosecond);
      };
      add("decode", Decode);
      add("prefill", Prefill);
    }
  }
  return RunBenchmarks(argc, argv);
}
