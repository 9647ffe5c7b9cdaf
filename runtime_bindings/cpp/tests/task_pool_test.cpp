#include "kernels/task_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <future>
#include <numeric>
#include <thread>
#include <vector>

namespace mmoe {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

void WaitFor(const std::atomic<bool>& flag) {
  while (!flag) std::this_thread::yield();
}

// All workers are in the region at the same time: `count` tasks that wait for each other.
void Meet(const Parallel& parallel, int64_t count) {
  std::atomic<int64_t> arrived{0};
  ParallelFor(parallel, count, [&](int64_t, int) {
    ++arrived;
    while (arrived < count) std::this_thread::yield();
  });
}

std::vector<pthread_t> ThreadsOf(const Parallel& parallel) {
  std::vector<pthread_t> threads(static_cast<size_t>(parallel.num_workers));
  std::atomic<int> arrived{0};
  ParallelFor(parallel, parallel.num_workers, [&](int64_t, int worker) {
    threads[static_cast<size_t>(worker)] = pthread_self();
    ++arrived;
    while (arrived < parallel.num_workers) std::this_thread::yield();
  });
  return threads;
}

TEST(TaskPool, RunsEachIndexOnceAndNeverSharesAWorker) {
  for (const int workers : {1, 2, 3, 8}) {
    TaskPool pool(workers);
    for (const int64_t count : {0, 1, 2, 3, 7, 64, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(count)), busy(static_cast<size_t>(workers));
      ParallelFor(pool.parallel(), count, [&](int64_t index, int worker) {
        EXPECT_EQ(busy[static_cast<size_t>(worker)]++, 0);
        ++runs[static_cast<size_t>(index)];
        --busy[static_cast<size_t>(worker)];
      });
      for (const auto& times : runs) EXPECT_EQ(times, 1);
    }
  }
}

// Without atomics: what a region wrote is there for the next one and for the caller.
TEST(TaskPool, RegionsSeeWhatEarlierOnesWrote) {
  TaskPool pool(3);
  std::vector<int64_t> values(40);
  for (int64_t region = 0; region < 20000; ++region) {
    const int64_t count = region % 40 + 1;
    ParallelFor(pool.parallel(), count, [&](int64_t index, int) { ++values[static_cast<size_t>(index)]; });
  }
  for (int64_t index = 0; index < 40; ++index)
    EXPECT_EQ(values[static_cast<size_t>(index)], 500 * (40 - index));
}

TEST(TaskPool, WakesWorkersHoweverLongTheySlept) {
  TaskPool pool(4);
  for (int pause = 0; pause < 60; ++pause) {
    std::this_thread::sleep_for(
        microseconds(10 * pause));  // up to 3 ms: before, while and after they lie down
    Meet(pool.parallel(), 2 + pause % 3);
  }
}

// What a signal's handler does to the thread that it stops.
std::atomic<bool> stopped{false}, goes_on{false};
void StopThread(int) {
  stopped = true;
  while (!goes_on) {
  }
}

void HandleUser1(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
}

// Stops the worker wherever it is, runs regions, and lets it go on. Whether they ended before that.
bool RegionsEndWithoutWorker(const Parallel& parallel, pthread_t worker) {
  stopped = goes_on = false;
  EXPECT_EQ(pthread_kill(worker, SIGUSR1), 0);
  WaitFor(stopped);
  const std::future<void> regions = std::async(std::launch::async, [&] {
    for (int region = 0; region < 1000 && !goes_on; ++region) {
      std::atomic<int64_t> sum{0};
      ParallelFor(parallel, 10, [&](int64_t index, int by) {
        EXPECT_TRUE(by == 0 || goes_on);
        sum += index;
      });
      EXPECT_EQ(sum, 45);
    }
  });
  // They take 1 ms. One that waits for the worker ends when that goes on.
  const bool ended = regions.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
  goes_on = true;
  regions.wait();
  Meet(parallel, 2);  // it comes back as one of the later regions'
  return ended;
}

TEST(TaskPool, DoesNotWaitForWorkersThatHoldNoTask) {
  HandleUser1(StopThread);
  for (const milliseconds asleep : {milliseconds(0), milliseconds(20)}) {
    TaskPool pool(2);
    const pthread_t worker = ThreadsOf(pool.parallel())[1];
    // Who lies down has the lock that a caller needs to wake it for a tenth of a microsecond, and may be stopped there: once, not
    // three times in a row.
    bool ended = false;
    for (int attempt = 0; attempt < 3 && !ended; ++attempt) {
      std::this_thread::sleep_for(asleep);
      ended = RegionsEndWithoutWorker(pool.parallel(), worker);
    }
    EXPECT_TRUE(ended) << "after " << asleep.count() << " ms";
  }
}

std::atomic<int> stops{0};
void StopShortly(int) {
  ++stops;
  for (volatile int i = 0; i < 20000; i = i + 1) {
  }
}

// Workers that stop anywhere, also between their look at a region and their entry, run no task of a region that has ended.
TEST(TaskPool, WorkersThatComeLateRunNothingOfEarlierRegions) {
  HandleUser1(StopShortly);
  TaskPool pool(3);
  const std::vector<pthread_t> workers = ThreadsOf(pool.parallel());
  std::atomic<bool> ends{false};
  std::thread stopper([&] {
    while (!ends) {
      for (const size_t worker : {1, 2}) pthread_kill(workers[worker], SIGUSR1);
      std::this_thread::sleep_for(microseconds(20));
    }
  });
  for (int region = 0; region < 20000 || stops < 100; ++region) {
    std::vector<int> runs(static_cast<size_t>(region % 7 + 2));  // freed when the region has ended
    ParallelFor(pool.parallel(), static_cast<int64_t>(runs.size()),
                [&](int64_t index, int) { ++runs[static_cast<size_t>(index)]; });
    ASSERT_EQ(std::accumulate(runs.begin(), runs.end(), 0), static_cast<int>(runs.size()));
  }
  ends = true;
  stopper.join();
}

TEST(TaskPool, SeveralCallers) {
  TaskPool pool(3);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int region = 0; region < 2000; ++region) {
        std::vector<int> runs(11);
        ParallelFor(pool.parallel(), 11, [&](int64_t index, int) { ++runs[static_cast<size_t>(index)]; });
        ASSERT_EQ(runs, std::vector<int>(11, 1));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST(TaskPool, ARegionInsideATaskRunsOnItsThread) {
  TaskPool pool(3);
  std::atomic<int> runs{0};
  ParallelFor(pool.parallel(), 6, [&](int64_t, int) {
    const pthread_t outer = pthread_self();
    ParallelFor(pool.parallel(), 5, [&](int64_t, int worker) {
      EXPECT_EQ(worker, 0);
      EXPECT_TRUE(pthread_equal(outer, pthread_self()));
      ++runs;
    });
  });
  EXPECT_EQ(runs, 30);
}

// Tasks longer than a turn, after which workers leave the region and come back.
TEST(TaskPool, LongTasksAreSharedOutToTheEnd) {
  TaskPool pool(2);
  std::vector<int> runs(12);
  ParallelFor(pool.parallel(), 12, [&](int64_t index, int) {
    std::this_thread::sleep_for(milliseconds(3));
    ++runs[static_cast<size_t>(index)];
  });
  EXPECT_EQ(runs, std::vector<int>(12, 1));
}

#if defined(__linux__)
TEST(TaskPool, IdleWorkersSleep) {
  TaskPool pool(2);
  clockid_t clock;
  ASSERT_EQ(pthread_getcpuclockid(ThreadsOf(pool.parallel())[1], &clock), 0);
  const auto nanoseconds = [&] {
    timespec now;
    clock_gettime(clock, &now);
    return int64_t{1000000000} * now.tv_sec + now.tv_nsec;
  };
  for (int64_t before = -1; before != nanoseconds();) {  // until it takes no time at all
    before = nanoseconds();
    std::this_thread::sleep_for(milliseconds(50));
  }
}
#endif

}  // namespace
}  // namespace mmoe
