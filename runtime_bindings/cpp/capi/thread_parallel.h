#pragma once

#include "kernels/parallel.h"

namespace mmoe {

// Fresh std::threads for each region: for callers that have no pool, and for tests of thread counts.
class ThreadParallel {
 public:
  explicit ThreadParallel(int num_workers) : num_workers_(num_workers) {}

  // Valid while this object lives.
  Parallel parallel() { return {num_workers_, this, Run}; }

 private:
  static void Run(void* self, int64_t count, Parallel::Task task, void* context);

  int num_workers_;
};

}  // namespace mmoe
