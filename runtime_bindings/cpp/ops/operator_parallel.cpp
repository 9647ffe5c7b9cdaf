#include "ops/operator_parallel.h"

#include <atomic>

#include "ops/executorch_parallel.h"

namespace mmoe {
namespace {

std::atomic<const Parallel*> current{nullptr};

}  // namespace

Parallel OperatorParallel() {
  const Parallel* pool = current.load(std::memory_order_acquire);
  return pool == nullptr ? ExecutorchParallel() : *pool;
}

void SetOperatorPool(const Parallel* pool) { current.store(pool, std::memory_order_release); }

}  // namespace mmoe
