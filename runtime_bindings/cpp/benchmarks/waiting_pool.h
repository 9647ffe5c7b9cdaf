#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "parallel.h"

namespace mmoe {

// Threads that wait in a loop between regions, so that starting one costs less than a microsecond, as in
// ExecuTorch's pool right after another operator.
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

  Region region_ = {};
  std::atomic<int64_t> next_{0};
  std::atomic<int64_t> generation_{0};  // negative: stop
  std::atomic<int> busy_{0};
  std::vector<std::thread> threads_;
};

}  // namespace mmoe
