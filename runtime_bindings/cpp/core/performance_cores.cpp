#include "core/performance_cores.h"

#include <algorithm>
#include <fstream>

#if defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__linux__)
#include <sched.h>
#endif

namespace mmoe {

namespace {

// Empty unless every processor has a positive one.
std::vector<uint64_t> Values(const std::string& folder, const std::vector<uint32_t>& processors,
                             const char* file) {
  std::vector<uint64_t> values;
  for (const uint32_t processor : processors) {
    std::ifstream stream(folder + "/cpu" + std::to_string(processor) + "/" + file);
    uint64_t value = 0;
    if (!(stream >> value) || value == 0) return {};
    values.push_back(value);
  }
  return values;
}

}  // namespace

std::optional<uint32_t> PerformanceCoresOfLinux(const std::string& folder,
                                                const std::vector<uint32_t>& allowed) {
  struct Measure {
    const char* file;
    uint64_t quarters;  // of the largest that a fast core has at least
  };
  for (const Measure& measure : {Measure{"cpu_capacity", 2}, Measure{"cpufreq/cpuinfo_max_freq", 3}}) {
    const std::vector<uint64_t> values = Values(folder, allowed, measure.file);
    if (values.empty()) continue;
    const uint64_t largest = *std::max_element(values.begin(), values.end());
    const auto fast = std::count_if(values.begin(), values.end(), [&](uint64_t value) {
      return value >= largest - largest / 4 * (4 - measure.quarters);
    });
    if (static_cast<size_t>(fast) == values.size()) return std::nullopt;
    return static_cast<uint32_t>(fast);
  }
  return std::nullopt;
}

#if defined(__APPLE__)

std::optional<uint32_t> PerformanceCores() {
  const auto count = [](const char* name) {
    int32_t value = 0;
    size_t size = sizeof(value);
    return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value > 0 ? value : 0;
  };
  const int32_t fast = count("hw.perflevel0.physicalcpu");
  if (fast == 0 || fast == count("hw.physicalcpu")) return std::nullopt;
  return static_cast<uint32_t>(fast);
}

#elif defined(__linux__)

std::optional<uint32_t> PerformanceCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return std::nullopt;
  std::vector<uint32_t> allowed;
  for (uint32_t processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, &set)) allowed.push_back(processor);
  }
  return PerformanceCoresOfLinux("/sys/devices/system/cpu", allowed);
}

#else

std::optional<uint32_t> PerformanceCores() { return std::nullopt; }

#endif

}  // namespace mmoe
