#include "core/page_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>

namespace mmoe {

namespace {

struct Range {
  std::atomic<uintptr_t> begin{0};  // 0: the place is free
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> lost{false};
};

constexpr int kRanges = 64;
Range ranges[kRanges];
struct sigaction handler_before;
uintptr_t page_size;

// Hands a fault that is not ours to whoever handled it before.
void Forward(int signal, siginfo_t* info, void* context) {
  if ((handler_before.sa_flags & SA_SIGINFO) != 0) {
    handler_before.sa_sigaction(signal, info, context);
  } else if (handler_before.sa_handler != SIG_DFL && handler_before.sa_handler != SIG_IGN) {
    handler_before.sa_handler(signal);
  } else {
    ::signal(signal, SIG_DFL);  // the faulting instruction runs again and ends the process
  }
}

void OnBusError(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (Range& range : ranges) {
    const uintptr_t begin = range.begin.load();
    if (begin == 0 || address < begin || address >= range.end.load()) continue;
    void* page = reinterpret_cast<void*>(address & ~(page_size - 1));
    if (mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page) {
      range.lost.store(true);
      return;
    }
  }
  Forward(signal, info, context);
}

void Install() {
  page_size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action = {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &handler_before);
}

std::mutex places;

}  // namespace

int GuardPages(const void* data, size_t size) {
  static std::once_flag installed;
  std::call_once(installed, Install);
  const std::lock_guard<std::mutex> lock(places);
  for (int guard = 0; guard < kRanges; ++guard) {
    Range& range = ranges[guard];
    if (range.begin.load() != 0) continue;
    range.lost.store(false);
    range.end.store(reinterpret_cast<uintptr_t>(data) + size);
    range.begin.store(reinterpret_cast<uintptr_t>(data));
    return guard;
  }
  return -1;
}

void ReleasePages(int guard) {
  const std::lock_guard<std::mutex> lock(places);
  if (guard >= 0) ranges[guard].begin.store(0);
}

bool LostPages(int guard) { return guard >= 0 && ranges[guard].lost.load(); }

}  // namespace mmoe
