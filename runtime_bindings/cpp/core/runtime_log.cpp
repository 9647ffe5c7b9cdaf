#include "runtime_log.h"

#include <executorch/runtime/platform/platform.h>

#include <mutex>

namespace mmoe {

namespace {

thread_local std::string last_error;

void Keep(et_timestamp_t, et_pal_log_level_t level, const char*, const char*, size_t, const char* message,
          size_t) {
  if (level == kError || level == kFatal) last_error = message;
}

}  // namespace

void KeepRuntimeQuiet() {
  static std::once_flag once;
  // Not by register_pal(), which refuses when another client of the process has registered its own.
  std::call_once(once, [] {
    const_cast<executorch::runtime::PalImpl*>(executorch::runtime::get_pal_impl())->emit_log_message = &Keep;
  });
}

std::string TakeRuntimeLog() {
  std::string text;
  text.swap(last_error);
  return text;
}

}  // namespace mmoe
