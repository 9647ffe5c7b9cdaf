#include "tools/read_bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace mmoe {

// Independent sums, so that loads, not additions, set the pace. With SSE2 alone they do not fit into the
// registers, and one core reads 20 GB/s where it reads 35 GB/s with AVX2 or AVX-512 (Zen 5).
#if defined(__x86_64__) && defined(__linux__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
uint64_t SumWords(const uint64_t* words, size_t count) {
  constexpr size_t kLanes = 32;
  uint64_t sums[kLanes] = {};
  for (size_t i = 0; i + kLanes <= count; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += words[i + lane];
  }
  uint64_t total = 0;
  for (const uint64_t sum : sums) total += sum;
  return total;
}

double ReadBandwidth(std::string_view memory, int threads) {
  // Little memory is read again until there is something to measure.
  constexpr size_t kLeastBytes = size_t{1} << 30;
  const auto* const words = reinterpret_cast<const uint64_t*>(memory.data());
  const size_t num_words = memory.size() / sizeof(uint64_t), bytes = num_words * sizeof(uint64_t);
  const size_t passes = std::max<size_t>(2, (kLeastBytes + bytes - 1) / bytes);
  const size_t share = num_words / static_cast<size_t>(threads);
  std::atomic<uint64_t> sink{SumWords(words, num_words)};  // maps every page
  std::vector<std::thread> readers;
  const auto start = std::chrono::steady_clock::now();
  for (int reader = 0; reader < threads; ++reader) {
    readers.emplace_back([&, reader] {
      const uint64_t* begin = words + static_cast<size_t>(reader) * share;
      for (size_t pass = 0; pass < passes; ++pass) sink += SumWords(begin, share);
    });
  }
  for (std::thread& reader : readers) reader.join();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return static_cast<double>(share * sizeof(uint64_t)) * threads * static_cast<double>(passes) /
         seconds.count();
}

}  // namespace mmoe
