#include "core/runtime_abort.h"

#include <executorch/runtime/platform/platform.h>

#include <cstdlib>
#include <mutex>

#include "core/runtime_log.h"

namespace mmoe {

namespace {

thread_local int traps = 0;
pal_abort_method abort_before;

void Abort() {
  if (traps > 0) throw ProgramAborted(TakeRuntimeLog());
  abort_before();
  std::abort();
}

void Install() {
  // As in KeepRuntimeQuiet, not by register_pal().
  auto* pal = const_cast<executorch::runtime::PalImpl*>(executorch::runtime::get_pal_impl());
  abort_before = pal->abort;
  pal->abort = &Abort;
}

}  // namespace

AbortTrap::AbortTrap() {
  static std::once_flag installed;
  std::call_once(installed, Install);
  ++traps;
}

AbortTrap::~AbortTrap() { --traps; }

}  // namespace mmoe
