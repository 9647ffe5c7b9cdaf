#include "core/runtime_log.h"

#include <executorch/runtime/platform/platform.h>

#include <mutex>

namespace mmoe {

namespace {

// The first errors say what is wrong, the later ones what followed from it.
constexpr size_t kEnough = 400;
thread_local std::string errors;

void Keep(et_timestamp_t, et_pal_log_level_t level, const char*, const char*, size_t, const char* message,
          size_t) {
  if (level != kError && level != kFatal) return;
  if (errors.size() < kEnough) errors += (errors.empty() ? "" : "; ") + std::string(message);
}

}  // namespace

void KeepRuntimeQuiet() {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> guard(mutex);
  // Not by register_pal(), which refuses when another client of the process has registered its own; and again
  // for each program, since such a client (the runtime's own Python extension) may have come in between.
  auto* platform = const_cast<executorch::runtime::PalImpl*>(executorch::runtime::get_pal_impl());
  if (platform->emit_log_message != &Keep) platform->emit_log_message = &Keep;
}

std::string TakeRuntimeLog() {
  std::string text;
  text.swap(errors);
  return text;
}

}  // namespace mmoe
