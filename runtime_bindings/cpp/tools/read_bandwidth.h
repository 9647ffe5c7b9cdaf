#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace mmoe {

// The sum of `count` words, rounded down to whole runs of 32, at the speed of the loads.
uint64_t SumWords(const uint64_t* words, size_t count);

// Bytes per second at which `threads` threads together read a file that is in the page cache, through a
// mapping of 4 KB pages of its own: the speed limit of kernels that stream mapped weights. Throws
// std::runtime_error if the file cannot be mapped.
double ReadBandwidth(const std::string& path, int threads);

}  // namespace mmoe
