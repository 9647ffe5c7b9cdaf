#include "core/memory.h"

#include <atomic>
#include <cstdint>

#if defined(__APPLE__)
#include <mach/mach.h>
#else
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#endif

namespace mmoe {

namespace {

std::atomic<uint64_t> peak_anonymous{0};
std::atomic<uint64_t> peak_file{0};

uint64_t Raise(std::atomic<uint64_t>* peak, uint64_t value) {
  uint64_t before = peak->load();
  while (before < value && !peak->compare_exchange_weak(before, value)) {
  }
  return before < value ? value : before;
}

#if defined(__APPLE__)

void ReadSystem(mmoe_memory* memory) {
  task_vm_info_data_t info = {};
  mach_msg_type_number_t count = TASK_VM_INFO_COUNT;
  if (task_info(mach_task_self(), TASK_VM_INFO, reinterpret_cast<task_info_t>(&info), &count) != KERN_SUCCESS)
    return;
  // phys_footprint is what the system's memory limit counts; clean file pages are not in it.
  memory->anonymous_bytes = info.phys_footprint;
  memory->file_bytes = info.external;
  memory->peak_bytes = info.resident_size_peak;
}

#else

// A line such as "RssAnon:\t  1234 kB" of /proc/self/status, in bytes.
uint64_t Field(const char* status, const char* name) {
  const char* line = std::strstr(status, name);
  return line == nullptr ? 0 : std::strtoull(line + std::strlen(name), nullptr, 10) * 1024;
}

void ReadSystem(mmoe_memory* memory) {
  char status[4096] = {};
  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  const ssize_t bytes = read(file, status, sizeof(status) - 1);
  close(file);
  if (bytes <= 0) return;
  memory->anonymous_bytes = Field(status, "RssAnon:");
  memory->file_bytes = Field(status, "RssFile:");
  memory->peak_bytes = Field(status, "VmHWM:");
}

#endif

}  // namespace

void ReadMemory(mmoe_memory* memory) {
  ReadSystem(memory);
  memory->peak_anonymous_bytes = Raise(&peak_anonymous, memory->anonymous_bytes);
  memory->peak_file_bytes = Raise(&peak_file, memory->file_bytes);
}

}  // namespace mmoe
