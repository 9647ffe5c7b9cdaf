// Which messages of ExecuTorch's runtime reach stderr. The wheel's runtime writes them all and has no switch.

#include <executorch/runtime/platform/platform.h>

#include <atomic>
#include <string_view>

namespace {

constexpr std::string_view kSeverities = "DIEF";  // the letters of et_pal_log_level_t, mildest first

std::atomic<size_t> least_severity{0};
pal_emit_log_message_method emit_before = nullptr;

void Emit(et_timestamp_t timestamp, et_pal_log_level_t level, const char* file, const char* function,
          size_t line, const char* message, size_t length) {
  // An unknown letter is npos, so it is always written.
  if (kSeverities.find(static_cast<char>(level)) < least_severity) return;
  emit_before(timestamp, level, file, function, line, message, length);
}

}  // namespace

/// Drops messages of the process's runtime below a level: 'D', 'I', 'E' or 'F'; other letters drop nothing.
extern "C" __attribute__((visibility("default"))) void mmoe_set_log_level(char level) {
  const size_t severity = kSeverities.find(level);
  least_severity = severity == std::string_view::npos ? 0 : severity;
  if (emit_before == nullptr) {
    // Not by register_pal(): it would log, by the very function that it replaces, that the Python bindings
    // have registered theirs already.
    auto* platform = const_cast<executorch::runtime::PalImpl*>(executorch::runtime::get_pal_impl());
    emit_before = platform->emit_log_message;
    platform->emit_log_message = &Emit;
  }
}
