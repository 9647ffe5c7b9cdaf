#include "kernels/task_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>

namespace mmoe {
namespace {

using Clock = std::chrono::steady_clock;

// TaskPool::state_.
constexpr uint64_t kWorkers = (1 << 15) - 1;
constexpr uint64_t kOpen = 1 << 15;
constexpr uint64_t kRegion = 1 << 16;

uint64_t NumberOf(uint64_t state) { return state / kRegion; }
bool IsNew(uint64_t state, uint64_t seen) { return (state & kOpen) != 0 && NumberOf(state) != seen; }

// How long a thread computes before it offers its core to others. Linux takes a core away at its timer's ticks, of 4 or 3.3 ms,
// once a slice is used up, which is 1.4 ms on two cores and 2.8 ms from eight on. Who gives up much of a slice loses it
// (Linux 6.18): beside a program that always computes, a thread that yields every 0.2, 0.5, 1 and 2 ms gets 12, 30, 39 and 49 %
// of the core, and one that never does 48 %.
constexpr auto kTurn = std::chrono::milliseconds(2);

// A reading of the clock takes 25 to 70 ns, a short task 5 us: tasks that take less than this together share one.
constexpr auto kClockEvery = std::chrono::microseconds(50);
constexpr int kMostTasksPerReading = 16;

// Without a region for so long a worker sleeps. Longer than what lies between two tokens, and than waking a thread (0.05 ms).
constexpr auto kAwake = std::chrono::milliseconds(1);

// Looks at the state, about 20 us of them, before who waits offers its core: what it waits for may be waiting for that very core.
constexpr int kLooks = 1000;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield" ::: "memory");
#endif
}

thread_local bool is_in_region = false;

}  // namespace

// How long a worker has computed without offering its core.
class TaskPool::Turn {
 public:
  // Asked after each task.
  bool IsOver() {
    if (++tasks_ < tasks_per_reading_) return false;
    tasks_ = 0;
    const Clock::time_point now = Clock::now();
    const bool is_short = now - read_ < kClockEvery;
    tasks_per_reading_ = is_short ? std::min(2 * tasks_per_reading_, kMostTasksPerReading) : 1;
    read_ = now;
    return now - begin_ > kTurn;
  }

  void Yield() {
    std::this_thread::yield();
    Restart();
  }

  void Restart() { begin_ = read_ = Clock::now(); }

 private:
  Clock::time_point begin_ = Clock::now();
  Clock::time_point read_ = begin_;
  int tasks_ = 0;
  int tasks_per_reading_ = 1;
};

TaskPool::TaskPool(int num_workers) : shares_(static_cast<size_t>(num_workers)) {
  try {
    for (int worker = 1; worker < num_workers; ++worker)
      threads_.emplace_back(&TaskPool::Serve, this, worker);
  } catch (const std::system_error&) {
    // No more threads are to be had: those that there are take the others' tasks.
  }
}

TaskPool::~TaskPool() {
  stops_ = true;
  Open(static_cast<int64_t>(shares_.size()));
  for (std::thread& thread : threads_) thread.join();
}

void TaskPool::Run(void* self, int64_t count, Parallel::Task task, void* context) noexcept {
  if (is_in_region) {
    for (int64_t index = 0; index < count; ++index) task(context, index, 0);
    return;
  }
  TaskPool& pool = *static_cast<TaskPool*>(self);
  const std::lock_guard<std::mutex> lock(pool.callers_);
  is_in_region = true;
  pool.region_ = {task, context};
  pool.Open(count);
  for (int64_t index; pool.TakeTask(0, &index);) task(context, index, 0);
  pool.Close();
  is_in_region = false;
}

void TaskPool::Open(int64_t count) {
  const auto workers = static_cast<int64_t>(shares_.size());
  for (int64_t worker = 0; worker < workers; ++worker) {
    Share& share = shares_[static_cast<size_t>(worker)];
    const int64_t end = count * (worker + 1) / workers;
    share.front = count * worker / workers;
    share.back.store(end, std::memory_order_relaxed);
    share.left.store(end - share.front, std::memory_order_relaxed);
  }
  const uint64_t number = NumberOf(state_.load(std::memory_order_relaxed)) + 1;
  // Either a worker that lies down sees this, or it is counted below.
  state_.store(number * kRegion | kOpen, std::memory_order_seq_cst);
  const int64_t sleepers = sleepers_.load(std::memory_order_seq_cst);
  if (sleepers == 0) return;
  // Who is between its last look and its sleep has this lock.
  {
    const std::lock_guard<std::mutex> lock(sleep_);
  }
  if (count > sleepers) return wake_.notify_all();
  for (int64_t task = 1; task < count; ++task) wake_.notify_one();
}

void TaskPool::Close() {
  uint64_t state = state_.fetch_and(~kOpen, std::memory_order_acq_rel);
  for (int looks = 0; (state & kWorkers) != 0; ++looks) {
    if (looks < kLooks) {
      Pause();
    } else {
      std::this_thread::yield();
    }
    state = state_.load(std::memory_order_acquire);
  }
}

bool TaskPool::TakeTask(int worker, int64_t* index) {
  for (size_t i = 0; i < shares_.size(); ++i) {
    Share& share = shares_[(static_cast<size_t>(worker) + i) % shares_.size()];
    int64_t left = share.left.load(std::memory_order_relaxed);
    while (left > 0 && !share.left.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) {
    }
    if (left == 0) continue;
    *index = i == 0 ? share.front++ : share.back.fetch_sub(1, std::memory_order_relaxed) - 1;
    return true;
  }
  return false;
}

void TaskPool::Serve(int worker) {
  is_in_region = true;  // as far as its tasks can tell
  Turn turn;
  for (uint64_t seen = 0;;) {
    uint64_t state = WaitForRegion(seen, turn);
    if (!state_.compare_exchange_strong(state, state + 1, std::memory_order_acq_rel)) continue;
    if (stops_) return;
    seen = NumberOf(state);
    bool offers = false;
    for (int64_t index; !offers && TakeTask(worker, &index);) {
      region_.task(region_.context, index, worker);
      offers = turn.IsOver();
    }
    state_.fetch_sub(1, std::memory_order_release);
    if (!offers) continue;
    turn.Yield();
    seen = 0;  // there may be more to do in the same one
  }
}

uint64_t TaskPool::WaitForRegion(uint64_t seen, Turn& turn) {
  const Clock::time_point begin = Clock::now();
  for (Clock::time_point now = begin; now - begin < kAwake; now = Clock::now()) {
    for (int looks = 0; looks < kLooks; ++looks) {
      const uint64_t state = state_.load(std::memory_order_relaxed);
      if (IsNew(state, seen)) return state;
      Pause();
    }
    turn.Yield();
  }
  return SleepUntilRegion(seen, turn);
}

uint64_t TaskPool::SleepUntilRegion(uint64_t seen, Turn& turn) {
  uint64_t state = 0;
  std::unique_lock<std::mutex> lock(sleep_);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  wake_.wait(lock, [&] { return IsNew(state = state_.load(std::memory_order_seq_cst), seen); });
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
  turn.Restart();
  return state;
}

}  // namespace mmoe
