#include "core/page_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mutex>

namespace mmoe {

// `next` is written before the place is published and never again.
struct GuardedPages::Place {
  std::atomic<uintptr_t> begin{0};  // 0: free
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> lost{false};
  Place* next = nullptr;
};

namespace {

using Place = GuardedPages::Place;

std::atomic<Place*> places{nullptr};
std::mutex changing;
struct sigaction handler_before;
uintptr_t page_size;

static_assert(std::atomic<uintptr_t>::is_always_lock_free, "a signal handler may not wait");

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

// Whether `address` lies in the range. A place may be released and taken again meanwhile: begin and end
// belong together if begin is the same before and after.
bool Holds(const Place& place, uintptr_t address) {
  const uintptr_t begin = place.begin.load();
  return begin != 0 && address >= begin && address < place.end.load() && place.begin.load() == begin;
}

void OnBusError(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (Place* place = places.load(); place != nullptr; place = place->next) {
    if (!Holds(*place, address)) continue;
    void* page = reinterpret_cast<void*>(address & ~(page_size - 1));
    if (mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page) {
      place->lost.store(true);
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

// A free place, or a new one; `changing` is held.
Place* TakePlace() {
  for (Place* place = places.load(); place != nullptr; place = place->next) {
    if (place->begin.load() == 0) return place;
  }
  auto* place = new Place;  // never deleted: a handler on another thread may be reading it
  place->next = places.load();
  places.store(place);
  return place;
}

}  // namespace

GuardedPages::GuardedPages(const void* data, size_t size) {
  static std::once_flag installed;
  std::call_once(installed, Install);
  const std::lock_guard<std::mutex> lock(changing);
  place_ = TakePlace();
  place_->lost.store(false);
  place_->end.store(reinterpret_cast<uintptr_t>(data) + size);
  place_->begin.store(reinterpret_cast<uintptr_t>(data));
}

GuardedPages::~GuardedPages() {
  const std::lock_guard<std::mutex> lock(changing);
  place_->begin.store(0);
}

bool GuardedPages::lost() const { return place_->lost.load(); }

}  // namespace mmoe
