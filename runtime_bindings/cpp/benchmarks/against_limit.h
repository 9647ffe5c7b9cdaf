#pragma once

#include <cstdint>
#include <functional>

#include "kernels/parallel.h"

namespace benchmark {
class State;
}

namespace mmoe {

// What bounds a benchmark's work: bytes a plain read of the mapping by the same threads, multiply-adds the int8 peak of the
// same instruction set.
enum class Limit { kPlainRead, kInt8Peak };

// An iteration measures the limit and then one run of `passes` passes, which are `work` bytes or multiply-adds together. Counters are the
// medians of speed, limit and share.
void MeasureAgainst(benchmark::State& state, Limit limit, double work, int64_t passes, const char* bytes,
                    int64_t size, const Parallel& parallel, const std::function<void()>& run);

}  // namespace mmoe
