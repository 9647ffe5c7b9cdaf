#include "benchmarks/against_limit.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "benchmarks/support.h"
#include "tools/int8_peak.h"

namespace mmoe {

void MeasureAgainst(benchmark::State& state, Limit limit, double work, int64_t passes, const char* bytes,
                    int64_t size, const Parallel& parallel, const std::function<void()>& run) {
  const bool reads = limit == Limit::kPlainRead;
  std::vector<double> rates, limits, shares;
  for (auto _ : state) {
    const double most =
        reads ? static_cast<double>(size) / SecondsOf([&] { ReadPlainly(bytes, size, parallel); })
              : Int8Peak(BenchmarkedKernels().first().name, parallel);
    const double seconds = SecondsOf(run);
    state.SetIterationTime(seconds / static_cast<double>(passes));
    rates.push_back(work / seconds * 1e-9);
    limits.push_back(most * 1e-9);
    if (most > 0) shares.push_back(work / seconds / most);
  }
  state.counters[reads ? "GB/s" : "GMAC/s"] = Median(rates);
  if (shares.empty()) return;
  state.counters[reads ? "read_GB/s" : "peak_GMAC/s"] = Median(limits);
  state.counters[reads ? "of_read" : "of_peak"] = Median(shares);
}

}  // namespace mmoe
