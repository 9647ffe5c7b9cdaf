#include "core/threads.h"

#include <cstddef>
#include <mutex>

#include "kernels/task_pool.h"
#include "ops/operator_parallel.h"

// Exported by the wheel without a header.
extern "C" {
struct pthreadpool;
size_t pthreadpool_get_threads_count(pthreadpool* pool);
}
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  bool _unsafe_reset_threadpool(uint32_t threads);
};
ThreadPool* get_threadpool();
pthreadpool* get_pthreadpool();
}  // namespace executorch::extension::threadpool

namespace mmoe {
namespace {

struct OwnPool {
  explicit OwnPool(int threads) : pool(threads), parallel(pool.parallel()) {}

  TaskPool pool;
  const Parallel parallel;
};

std::mutex choosing;
int programs = 0;        // open ones
int with_delegates = 0;  // of them
OwnPool* own =
    nullptr;  // for the rest of the process once a program needs it: its threads sleep when nothing runs

// Under `choosing`.
void Choose() {
  if (programs == 0 || with_delegates > 0) return SetOperatorPool(nullptr);
  if (own == nullptr) own = new OwnPool(static_cast<int>(PoolThreads()));
  SetOperatorPool(&own->parallel);
}

}  // namespace

uint32_t PoolThreads() {
  pthreadpool* pool = executorch::extension::threadpool::get_pthreadpool();
  return pool == nullptr ? 1 : static_cast<uint32_t>(pthreadpool_get_threads_count(pool));
}

void SetPoolThreads(uint32_t threads) {
  const std::lock_guard<std::mutex> lock(choosing);
  executorch::extension::threadpool::get_threadpool()->_unsafe_reset_threadpool(threads);
  SetOperatorPool(nullptr);
  delete own;
  own = nullptr;
  Choose();
}

PoolUse::PoolUse(bool has_delegates) : has_delegates_(has_delegates) {
  const std::lock_guard<std::mutex> lock(choosing);
  ++programs;
  with_delegates += has_delegates_;
  Choose();
}

PoolUse::~PoolUse() {
  const std::lock_guard<std::mutex> lock(choosing);
  --programs;
  with_delegates -= has_delegates_;
  Choose();
}

}  // namespace mmoe
