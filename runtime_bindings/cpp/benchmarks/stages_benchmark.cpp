// Each stage of the routed experts and of the dense linears alone, on one thread, at the shapes of
// MobileMoE-S, on data in the nearest caches: what the arithmetic of a stage costs when memory does not matter.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "benchmarks/support.h"
#include "kernels/linear/linear_activations.h"
#include "kernels/linear/linear_dot.h"
#include "kernels/moe/dispatch.h"
#include "kernels/moe/panel_dot.h"
#include "kernels/moe/quantize_activations.h"
#include "kernels/moe/router_topk.h"
#include "kernels/panel.h"

namespace mmoe {
namespace {

constexpr int64_t kHidden = 768, kWidth = 384, kExperts = 60, kTopK = 4, kTokens = 128;
constexpr uint16_t kScale = 0x2000;  // float16: 2^-7

const KernelTable& Kernels() { return BenchmarkedKernels().first(); }

// As many multiply-adds per iteration.
void CountMultiplyAdds(benchmark::State& state, int64_t count) {
  state.counters["GMAC/s"] =
      benchmark::Counter(static_cast<double>(count) * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

void Router(benchmark::State& state, int64_t tokens) {
  const std::vector<float> x = Normal(tokens * kHidden), weight = Normal(kExperts * kHidden);
  std::vector<float> scores(static_cast<size_t>(tokens * kExperts));
  for (auto _ : state) {
    Kernels().router_scores(x.data(), tokens, weight.data(), kExperts, kHidden, scores.data(), kExperts);
    benchmark::DoNotOptimize(scores.data());
  }
  CountMultiplyAdds(state, tokens * kExperts * kHidden);
}

void TopK(benchmark::State& state) {
  const std::vector<float> scores = Normal(kExperts), bias(kExperts);
  int32_t selected[kTopK];
  float weights[kTopK];
  for (auto _ : state) {
    SelectTopK(scores.data(), bias.data(), kExperts, kTopK, {true, 2.5f}, selected, weights);
    benchmark::DoNotOptimize(weights);
  }
}

void DispatchOfTokens(benchmark::State& state) {
  std::vector<int32_t> selected(kTokens * kTopK), begin(kExperts + 1);
  std::vector<ExpertRows> runs(kExperts);
  for (size_t i = 0; i < selected.size(); ++i) selected[i] = static_cast<int32_t>(i * 7 % kExperts);
  std::vector<int32_t> row_token(selected.size()), assignment_row(selected.size());
  Dispatch dispatch = {begin.data(), row_token.data(), assignment_row.data(), runs.data(), 0};
  for (auto _ : state) {
    DispatchTokens(selected.data(), kTokens, kTopK, kExperts, kTokens * kTopK, dispatch);
    benchmark::DoNotOptimize(dispatch.num_runs);
  }
}

// 64-byte aligned, as in the kernels' scratch memory.
struct QuantizedRow {
  alignas(64) int16_t values[kHidden];
};

// Whether int16 is fine enough for a tile, or its tokens must be quantised from floats.
enum class Scales { kClose, kFarApart };

// The rows of a tile, to be quantised for a panel.
class TileBuffers {
 public:
  explicit TileBuffers(int tokens, Scales kind = Scales::kClose)
      : tokens_(tokens),
        rows_(static_cast<size_t>(tokens) + 2),
        exact_(Normal(kHidden * tokens)),
        exact_scales_(static_cast<size_t>(kHidden), kScale),
        out_(Allocate(kHidden * tokens)),
        steps_(static_cast<size_t>(tokens)),
        sums_(static_cast<size_t>(tokens)) {
    if (kind == Scales::kFarApart) {
      // 2^10 moves from the activations of 32 inputs into their scales.
      std::fill_n(exact_scales_.begin(), 32, static_cast<uint16_t>(kScale + (10 << 10)));
      for (int64_t i = 0; i < kHidden * tokens; ++i) {
        if (i % kHidden < 32) exact_[static_cast<size_t>(i)] /= 1024.0f;
      }
    }
    for (int t = 0; t < tokens; ++t) {
      int16_t* row = rows_[static_cast<size_t>(t)].values;
      row_scales_.push_back(Kernels().quantize_row(exact_.data() + t * kHidden, kHidden, row));
      pointers_.push_back(row);
      exact_rows_.push_back(exact_.data() + t * kHidden);
    }
    scale_of_scales_ =
        Kernels().quantize_scales(exact_scales_.data(), kHidden, rows_[static_cast<size_t>(tokens)].values);
  }

  QuantizeTileArgs args() {
    return {pointers_.data(),
            row_scales_.data(),
            rows_[pointers_.size()].values,
            scale_of_scales_,
            exact_rows_.data(),
            exact_scales_.data(),
            kHidden,
            tokens_,
            reinterpret_cast<int8_t*>(out_.get()),
            steps_.data(),
            sums_.data()};
  }

  int16_t* scratch() { return rows_.back().values; }

 private:
  int tokens_;
  std::vector<QuantizedRow> rows_;  // then the scales, then scratch
  std::vector<const int16_t*> pointers_;
  std::vector<float> exact_;
  std::vector<uint16_t> exact_scales_;
  std::vector<const float*> exact_rows_;
  std::vector<float> row_scales_;
  float scale_of_scales_;
  Memory out_;
  std::vector<float> steps_;
  std::vector<int32_t> sums_;
};

void QuantizeTile(benchmark::State& state, int tokens, Scales kind) {
  TileBuffers tile(tokens, kind);
  for (auto _ : state) {
    Kernels().quantize_tile(tile.args());
    benchmark::ClobberMemory();
  }
}

void QuantizeScales(benchmark::State& state) {
  const std::vector<uint16_t> scales(kHidden, kScale);
  QuantizedRow out;
  for (auto _ : state)
    benchmark::DoNotOptimize(Kernels().quantize_scales(scales.data(), kHidden, out.values));
}

void QuantizeRow(benchmark::State& state) {
  const std::vector<float> x = Normal(kHidden);
  QuantizedRow out;
  for (auto _ : state) benchmark::DoNotOptimize(Kernels().quantize_row(x.data(), kHidden, out.values));
}

// A panel's products, alone or with the rows of `next` quantised.
void PanelDot(benchmark::State& state, int tokens, TileBuffers* next) {
  const std::vector<uint8_t> panel(static_cast<size_t>(PanelBytes(kHidden)), 0x5a);
  const std::vector<int8_t> activations(static_cast<size_t>(kHidden * tokens), 3);
  const std::vector<float> scales(static_cast<size_t>(tokens), 0.5f);
  const std::vector<int32_t> sums(static_cast<size_t>(tokens), 3 * kHidden);
  std::vector<float> out(static_cast<size_t>(tokens * kPanelOutputs));
  std::vector<float*> outputs;
  for (int t = 0; t < tokens; ++t) outputs.push_back(out.data() + t * kPanelOutputs);
  for (auto _ : state) {
    const PanelDotArgs product = {panel.data(),   kHidden,       activations.data(),
                                  tokens,         scales.data(), sums.data(),
                                  outputs.data(), panel.data(),  kPanelBlockBytes};
    if (next == nullptr) {
      Kernels().panel_dot(product);
    } else {
      Kernels().panel_dot_and_quantize(product, next->args(), next->scratch());
    }
    benchmark::DoNotOptimize(out.data());
  }
  CountMultiplyAdds(state, kHidden * kPanelOutputs * tokens);
}

void Swiglu(benchmark::State& state) {
  const std::vector<float> gate_up = Normal(2 * kWidth);
  std::vector<float> out(kWidth);
  for (auto _ : state) {
    Kernels().swiglu(gate_up.data(), gate_up.data() + kWidth, kWidth, out.data());
    benchmark::DoNotOptimize(out.data());
  }
}

void Combine(benchmark::State& state) {
  const std::vector<float> rows = Normal(kTopK * kHidden), weights = Normal(kTopK);
  const float* from[kTopK];
  for (int64_t k = 0; k < kTopK; ++k) from[k] = rows.data() + k * kHidden;
  std::vector<float> out(kHidden);
  for (auto _ : state) {
    Kernels().combine(from, weights.data(), kTopK, kHidden, out.data());
    benchmark::DoNotOptimize(out.data());
  }
}

void RmsNorm(benchmark::State& state) {
  const std::vector<float> x = Normal(kHidden), weight = Normal(kHidden);
  std::vector<float> out(kHidden);
  for (auto _ : state) {
    Kernels().rms_norm(x.data(), weight.data(), kHidden, 1e-5f, out.data());
    benchmark::DoNotOptimize(out.data());
  }
}

// Activations of one tile of a dense linear, and their product with a panel.
class Linear {
 public:
  explicit Linear(int tokens)
      : tokens_(tokens),
        memory_(Allocate(1 << 20)),
        arena_(memory_.get()),
        activations_(LinearActivations(arena_, tokens, kHidden, Kernels()).tiles(0, 0)) {}

  void Quantize(benchmark::State& state) {
    const std::vector<float> x = Normal(kHidden);
    for (auto _ : state) {
      Kernels().quantize_groups(x.data(), kHidden / kLinearGroup, activations_.tile(0), 0, 0);
      benchmark::ClobberMemory();
    }
  }

  void Dot(benchmark::State& state) {
    const std::vector<float> x = Normal(kHidden);
    for (int t = 0; t < tokens_; ++t) {
      Kernels().quantize_groups(x.data(), kHidden / kLinearGroup, activations_.tile(0), t, 0);
    }
    const std::vector<uint8_t> panel(static_cast<size_t>(PanelBytes(kHidden)), 0x5a);
    const std::vector<uint16_t> scales(static_cast<size_t>(kHidden), kScale);
    std::vector<float> out(static_cast<size_t>(tokens_ * kPanelOutputs));
    for (auto _ : state) {
      Kernels().linear_dot({panel.data(), scales.data(), kHidden / kLinearGroup, panel.data(),
                            activations_.tile(0), out.data(), kPanelOutputs});
      benchmark::DoNotOptimize(out.data());
    }
    CountMultiplyAdds(state, kHidden * kPanelOutputs * tokens_);
  }

 private:
  int tokens_;
  Memory memory_;
  Arena arena_;
  LinearTiles activations_;
};

template <class Body>
void Register(const std::string& title, const Body& body) {
  benchmark::RegisterBenchmark(title.c_str(), body)->Unit(benchmark::kNanosecond)->MinTime(0.1);
}

}  // namespace
}  // namespace mmoe

int main(int argc, char** argv) {
  using namespace mmoe;
  for (const int64_t tokens : {1, 16}) {
    Register("router_scores/" + std::to_string(tokens),
             [tokens](benchmark::State& state) { Router(state, tokens); });
  }
  Register("select_topk", TopK);
  Register("dispatch/128", DispatchOfTokens);
  Register("quantize_row", QuantizeRow);
  Register("quantize_scales", QuantizeScales);
  for (const int tokens : {1, 4, Kernels().token_tile}) {
    Register("quantize_tile/" + std::to_string(tokens),
             [tokens](benchmark::State& state) { QuantizeTile(state, tokens, Scales::kClose); });
    Register("quantize_tile_far_apart/" + std::to_string(tokens),
             [tokens](benchmark::State& state) { QuantizeTile(state, tokens, Scales::kFarApart); });
  }
  for (int tokens = 1; tokens <= Kernels().token_tile; ++tokens) {
    Register("panel_dot/" + std::to_string(tokens),
             [tokens](benchmark::State& state) { PanelDot(state, tokens, nullptr); });
  }
  for (const int tokens : {4, Kernels().token_tile}) {
    Register("panel_dot_and_quantize/" + std::to_string(tokens), [tokens](benchmark::State& state) {
      TileBuffers next(tokens);
      PanelDot(state, tokens, &next);
    });
  }
  Register("swiglu", Swiglu);
  Register("combine", Combine);
  Register("rms_norm", RmsNorm);
  Register("quantize_groups", [](benchmark::State& state) { Linear(1).Quantize(state); });
  for (const int tokens : {1, 4, Kernels().linear_tile}) {
    Register("linear_dot/" + std::to_string(tokens),
             [tokens](benchmark::State& state) { Linear(tokens).Dot(state); });
  }
  return RunBenchmarks(argc, argv);
}
