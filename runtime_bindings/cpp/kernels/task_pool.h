#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/parallel.h"

namespace mmoe {

// Threads for Parallel, whose regions end when all tasks are done. A thread that is not running meanwhile, because the
// system gave its core to another program, is waited for only if that happened in the middle of a task; so that it rarely
// does, workers offer their cores to others between tasks, before the system takes them.
//
// Each worker has a share of neighbouring tasks, which it takes from the front, because kernels fetch ahead what the
// next task needs. Whoever is done with its own takes from the back of others' shares. The caller is worker 0.
//
// Regions of several callers run one after another; one that a task starts runs on that task's thread alone. Tasks must not throw.
class TaskPool {
 public:
  explicit TaskPool(int num_workers);
  ~TaskPool();  // for a moment when no region runs
  TaskPool(const TaskPool&) = delete;

  Parallel parallel() { return {static_cast<int>(shares_.size()), this, Run}; }

 private:
  class Turn;

  struct Region {
    Parallel::Task task;
    void* context;
  };

  // The tasks of one worker that nobody has taken. Whoever lowers `left` has one of them: the front one if the share is its
  // own, else the back one. No more are given than there were, so the two ends do not meet.
  struct alignas(64) Share {
    std::atomic<int64_t> left{0};
    int64_t front = 0;  // its worker's alone
    std::atomic<int64_t> back{0};
  };

  static void Run(void* self, int64_t count, Parallel::Task task, void* context) noexcept;
  void Open(int64_t count);
  void Close();
  bool TakeTask(int worker, int64_t* index);
  void Serve(int worker);
  uint64_t WaitForRegion(uint64_t seen, Turn& turn);
  uint64_t SleepUntilRegion(uint64_t seen, Turn& turn);

  std::mutex callers_;

  // These two change only while the region is closed and nobody is in it.
  Region region_ = {};
  std::vector<Share> shares_;

  // The region's number, whether it is open and how many workers are in it. A worker enters by raising that count while the region
  // is open, and looks at nothing above before; the caller closes it and returns when nobody is in it. So a worker that comes
  // late finds it closed, or enters a later region as one of its own.
  alignas(64) std::atomic<uint64_t> state_{0};

  alignas(64) std::atomic<int> sleepers_{0};
  std::mutex sleep_;
  std::condition_variable wake_;
  bool stops_ = false;  // written before the last region is opened
  std::vector<std::thread> threads_;
};

}  // namespace mmoe
