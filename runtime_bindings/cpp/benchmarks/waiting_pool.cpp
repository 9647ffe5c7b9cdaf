#include "benchmarks/waiting_pool.h"

namespace mmoe {

WaitingPool::WaitingPool(int num_workers) : shares_(static_cast<size_t>(num_workers)) {
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
  const auto workers = static_cast<int64_t>(pool.shares_.size());
  for (int64_t worker = 0; worker < workers; ++worker) {
    Share& share = pool.shares_[static_cast<size_t>(worker)];
    share.next = count * worker / workers;
    share.end = count * (worker + 1) / workers;
  }
  pool.busy_ = static_cast<int>(pool.threads_.size());
  ++pool.generation_;
  pool.Work(0);
  while (pool.busy_ != 0) std::this_thread::yield();
}

void WaitingPool::Work(int worker) {
  for (size_t i = 0; i < shares_.size(); ++i) {
    Share& share = shares_[(static_cast<size_t>(worker) + i) % shares_.size()];
    for (int64_t index = share.next++; index < share.end; index = share.next++) {
      region_.task(region_.context, index, worker);
    }
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
