#include "core/process.h"

#include <unistd.h>

#include <atomic>

namespace mmoe {

namespace {

std::atomic<pid_t> owner{0};

}  // namespace

void ClaimProcess() { owner.store(getpid()); }

bool IsForkedChild() {
  const pid_t claimed = owner.load();
  return claimed != 0 && claimed != getpid();
}

}  // namespace mmoe
