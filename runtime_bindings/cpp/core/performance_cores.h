#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mmoe {

// How many of this machine's cores are fast ones, where they differ: work that waits for its slowest part is done sooner
// without the slow ones. None if all are alike, or if the system does not tell.
std::optional<uint32_t> PerformanceCores();

// The same by the files of Linux below `folder`, which is /sys/devices/system/cpu; of the processors `allowed` only.
// By cpu_capacity, what a core computes in a second in 1024ths of the fastest one's: at least a half of the largest.
// Where not every processor has one, by cpufreq/cpuinfo_max_freq: at least three quarters of the highest, because small
// cores fall short of large ones by less in frequency than in work.
std::optional<uint32_t> PerformanceCoresOfLinux(const std::string& folder,
                                                const std::vector<uint32_t>& allowed);

}  // namespace mmoe
