#include "kernels/linear/linear_activations.h"

#include <algorithm>

namespace mmoe {
namespace {

// A token of 768 quantises in about 0.2 us, a parallel region takes about 1 us to start.
constexpr int64_t kTokensPerTask = 16;

}  // namespace

LinearActivations::LinearActivations(Arena& arena, int64_t tokens, int64_t inputs, int64_t largest_tile)
    : tokens_(tokens),
      groups_(inputs / kLinearGroup),
      tiles_((tokens + largest_tile - 1) / largest_tile),
      values_(arena.Take<int8_t>(tokens * inputs)),
      steps_(arena.Take<float>(tokens * groups_)),
      offsets_(arena.Take<int32_t>(tokens * groups_)) {}

LinearTile LinearActivations::tile(int64_t index) const {
  const int64_t first = first_token(index), row = first * groups_;
  return {first_token(index + 1) - first, values_ + row * kLinearGroup, steps_ + row, offsets_ + row};
}

void LinearActivations::Quantize(const float* x, const KernelTable& kernels, const Parallel& parallel) const {
  const int64_t tasks = (tokens_ + kTokensPerTask - 1) / kTokensPerTask;
  ParallelFor(parallel, tasks, [&](int64_t task, int) {
    for (int64_t index = tiles_ * task / tasks; index < tiles_ * (task + 1) / tasks; ++index) {
      const LinearTile to = tile(index);
      for (int64_t t = 0; t < to.tokens; ++t) {
        const float* row = x + (first_token(index) + t) * groups_ * kLinearGroup;
        kernels.quantize_groups(row, groups_, to, t, 0);
      }
    }
  });
}

}  // namespace mmoe
