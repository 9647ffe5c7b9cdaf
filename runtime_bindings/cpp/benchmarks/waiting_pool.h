#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "kernels/parallel.h"

namespace mmoe {

// Threads that wait in a loop between regions, so that starting one costs less than a microsecond, as in
// ExecuTorch's pool right after another operator. Like there, each takes neighbouring tasks, and those of
// others when its own are done.
class WaitingPool {
 public:
  explicit WaitingPool(int num_workers);
  ~WaitingPool();

  Parallel parallel() { return {static_cast<int>(threads_.size()) + 1, this, Run}; }

 private:
  struct Region {
    Parallel::Task task;
    void* context;
    int64_t count;
  };

  static void Run(void* self, int64_t count, Parallel::Task task, void* context);
  void Work(int worker);
  void Serve(int worker);

  // The tasks of one worker that nobody has taken.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  Region region_ = {};
  std::vector<Share> shares_;
  std::atomic<int64_t> generation_{0};  // negative: stop
  std::atomic<int> busy_{0};
  std::vector<std::thread> threads_;
};

}  // namespace mmoe
