#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mmoe {

// The sum of `count` words, rounded down to whole runs of 32, at the speed of the loads.
uint64_t SumWords(const uint64_t* words, size_t count);

// Bytes per second at which `threads` threads together read some memory, whose pages are mapped first: the
// speed limit of kernels that stream weights.
double ReadBandwidth(std::string_view memory, int threads);

}  // namespace mmoe
