#pragma once

#include <cstdint>

namespace mmoe {

// How the kernels spread independent tasks over threads, without knowing whose threads they are: the
// operators pass a TaskPool or ExecuTorch's pool, the tests plain std::thread. Tasks must not start parallel regions of their own.
struct Parallel {
  // `worker` is in 0..num_workers-1 and no two running tasks share it, so it may index per-worker scratch.
  using Task = void (*)(void* context, int64_t index, int worker);

  int num_workers;
  void* pool;
  void (*run)(void* pool, int64_t count, Task task, void* context);
};

// Calls body(index, worker) once for each index in 0..count-1, in no particular order.
template <class Body>
void ParallelFor(const Parallel& parallel, int64_t count, const Body& body) {
  if (count <= 1 || parallel.num_workers <= 1) {
    for (int64_t index = 0; index < count; ++index) body(index, 0);
    return;
  }
  const auto task = [](void* context, int64_t index, int worker) {
    (*static_cast<const Body*>(context))(index, worker);
  };
  parallel.run(parallel.pool, count, task, const_cast<void*>(static_cast<const void*>(&body)));
}

// The same in tasks of `block` indices each, where one alone is less work than a thread takes to wake.
template <class Body>
void ParallelForBlocks(const Parallel& parallel, int64_t count, int64_t block, const Body& body) {
  ParallelFor(parallel, (count + block - 1) / block, [&](int64_t task, int worker) {
    const int64_t limit = (task + 1) * block, end = count < limit ? count : limit;
    for (int64_t index = task * block; index < end; ++index) body(index, worker);
  });
}

}  // namespace mmoe
