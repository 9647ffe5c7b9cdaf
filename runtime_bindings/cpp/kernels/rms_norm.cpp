#include "rms_norm.h"

#include <algorithm>

namespace mmoe {
namespace {

// A row of 768 takes about 0.1 us, a parallel region about 1 us to start: decode stays on the calling thread.
constexpr int64_t kTokensPerTask = 32;

}  // namespace

void RmsNormRows(const KernelTable& kernels, const float* x, const float* weight, int64_t tokens,
                 int64_t hidden, float eps, const Parallel& parallel, float* out) {
  const int64_t tasks = (tokens + kTokensPerTask - 1) / kTokensPerTask;
  ParallelFor(parallel, tasks, [&](int64_t task, int) {
    const int64_t end = std::min(tokens, (task + 1) * kTokensPerTask);
    for (int64_t t = task * kTokensPerTask; t < end; ++t) {
      kernels.rms_norm(x + t * hidden, weight, hidden, eps, out + t * hidden);
    }
  });
}

}  // namespace mmoe
