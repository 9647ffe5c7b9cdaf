#include "capi/thread_parallel.h"

#include <atomic>
#include <thread>
#include <vector>

namespace mmoe {

void ThreadParallel::Run(void* self, int64_t count, Parallel::Task task, void* context) {
  std::atomic<int64_t> next{0};
  const auto work = [&](int worker) {
    for (int64_t index = next++; index < count; index = next++) task(context, index, worker);
  };
  std::vector<std::thread> threads;
  for (int worker = 1; worker < static_cast<ThreadParallel*>(self)->num_workers_; ++worker) {
    threads.emplace_back(work, worker);
  }
  work(0);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace mmoe
