#include "waiting_pool.h"

namespace mmoe {

WaitingPool::WaitingPool(int num_workers) {
  for (int worker = 1; worker < num_workers; ++worker)
    threads_.emplace_back(&WaitingPool::Serve, this, worker);
}

WaitingPool::~WaitingPool() {
  generation_ = -1;
  for (std::thread& thread : threads_) thread.join();
}

void WaitingPool::Run(void* self, int64_t count, Parallel::Task task, void* context) {
  WaitingPool& pool = *static_cast<WaitingPool*>(self);
  pool.region_ = {task, context, count};
  pool.next_ = 0;
  pool.busy_ = static_cast<int>(pool.threads_.size());
  ++pool.generation_;
  pool.Work(0);
  while (pool.busy_ != 0) std::this_thread::yield();
}

void WaitingPool::Work(int worker) {
  for (int64_t index = next_++; index < region_.count; index = next_++) {
    region_.task(region_.context, index, worker);
  }
}

void WaitingPool::Serve(int worker) {
  for (int64_t seen = 0;;) {
    const int64_t generation = generation_;
    if (generation < 0) return;
    if (generation == seen) {
      std::this_thread::yield();
      continue;
    }
    seen = generation;
    Work(worker);
    --busy_;
  }
}

}  // namespace mmoe
