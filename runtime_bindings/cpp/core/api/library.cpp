#include "core/api/guard.h"
#include "core/memory.h"
#include "core/text/visible.h"

namespace mmoe {

namespace {

thread_local std::string last_error;

}  // namespace

// Never destroyed: threads of the process may still be inside a session when static objects die.
Registry<Model>& Models() {
  static auto* models = new Registry<Model>("model");
  return *models;
}

Registry<Session>& Sessions() {
  static auto* sessions = new Registry<Session>("session");
  return *sessions;
}

mmoe_status Failed(mmoe_status status, const char* message) noexcept {
  try {
    last_error = Visible(message, false);
  } catch (...) {
    last_error.clear();
  }
  return status;
}

}  // namespace mmoe

uint32_t mmoe_abi_version(void) { return MMOE_ABI_VERSION; }

const char* mmoe_version(void) { return MMOE_LIBRARY_VERSION; }

const char* mmoe_last_error(void) { return mmoe::last_error.c_str(); }

const char* mmoe_status_name(mmoe_status status) {
  static const char* const names[] = {
      "ok",   "invalid_argument", "not_found", "corrupt",          "version",          "context_full",
      "busy", "cancelled",        "closed",    "buffer_too_small", "out_of_resources", "unsupported",
      "io",   "runtime"};
  constexpr mmoe_status count = sizeof(names) / sizeof(names[0]);
  return status >= 0 && status < count ? names[status] : "unknown";
}

const char* mmoe_finish_name(int32_t finish) {
  static const char* const names[] = {"none", "stop_token", "context_full", "stop_string", "length"};
  constexpr int32_t count = sizeof(names) / sizeof(names[0]);
  return finish >= 0 && finish < count ? names[finish] : "unknown";
}

void mmoe_memory_init(mmoe_memory* memory) {
  if (memory == nullptr) return;
  *memory = {};
  memory->struct_size = sizeof(*memory);
}

mmoe_status mmoe_memory_get(mmoe_memory* memory) {
  return mmoe::Guard([&] {
    mmoe::RequireStruct(memory, "mmoe_memory");
    mmoe_memory now;
    mmoe_memory_init(&now);
    mmoe::ReadMemory(&now);
    mmoe::Hand(now, memory);
  });
}
