#include "kernels/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "capi/thread_parallel.h"

namespace mmoe {
namespace {

TEST(ParallelFor, RunsEachIndexOnceAndNeverSharesAWorker) {
  for (const int workers : {1, 2, 5}) {
    ThreadParallel pool(workers);
    std::vector<std::atomic<int>> runs(100), busy(static_cast<size_t>(workers));
    ParallelFor(pool.parallel(), 100, [&](int64_t index, int worker) {
      EXPECT_EQ(busy[static_cast<size_t>(worker)]++, 0);
      ++runs[static_cast<size_t>(index)];
      --busy[static_cast<size_t>(worker)];
    });
    for (const auto& count : runs) EXPECT_EQ(count, 1);
  }
}

TEST(ParallelFor, NoTasks) {
  ThreadParallel pool(3);
  ParallelFor(pool.parallel(), 0, [](int64_t, int) { FAIL(); });
}

}  // namespace
}  // namespace mmoe
