#include "ops/executorch_parallel.h"

#include <cstddef>
#include <cstdint>

#include "ops/thread_sanitizer.h"

// The wheel exports these but ships no header for them. parallel_for, which it does declare, gives each
// thread one fixed chunk; pthreadpool also lets idle threads take over the work of slow ones.
extern "C" {
struct pthreadpool;
size_t pthreadpool_get_threads_count(pthreadpool* pool);
void pthreadpool_parallelize_1d_with_thread(pthreadpool* pool,
                                            void (*task)(void*, size_t thread, size_t index), void* context,
                                            size_t range, uint32_t flags);
}

namespace executorch::extension::threadpool {
pthreadpool* get_pthreadpool();
}  // namespace executorch::extension::threadpool

namespace mmoe {
namespace {

struct Call {
  Parallel::Task task;
  void* context;
};

void RunOnPool(void* pool, int64_t count, Parallel::Task task, void* context) {
  Call call = {task, context};
  const auto forward = [](void* opaque, size_t thread, size_t index) {
    AcquireFromPool(opaque);
    const Call& target = *static_cast<const Call*>(opaque);
    target.task(target.context, static_cast<int64_t>(index), static_cast<int>(thread));
    ReleaseToPool(opaque);
  };
  ReleaseToPool(&call);
  pthreadpool_parallelize_1d_with_thread(static_cast<pthreadpool*>(pool), forward, &call,
                                         static_cast<size_t>(count), 0);
  AcquireFromPool(&call);
}

}  // namespace

Parallel ExecutorchParallel() {
  pthreadpool* pool = executorch::extension::threadpool::get_pthreadpool();
  const int num_workers = pool == nullptr ? 1 : static_cast<int>(pthreadpool_get_threads_count(pool));
  return {num_workers, pool, RunOnPool};
}

}  // namespace mmoe
