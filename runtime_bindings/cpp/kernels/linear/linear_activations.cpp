#include "kernels/linear/linear_activations.h"

#include <algorithm>

namespace mmoe {
namespace {

// With workers of unequal speed: a region ends at most one task of the slowest after the others run out of them. 32 tokens
// are whole vectors of outer products up to 1,024 bits, which need no more instructions for each than 64 do.
constexpr int64_t kMixedTokens = 32;

// With workers alike: 96 tokens of 768 inputs are 92 KB, which stay in the second-level cache while panel after panel
// passes. All of 512, 491 KB, came from the third level for every panel: a prefill took about 2 % longer (Zen 3, 512 KB).
constexpr int64_t kBlockTokens = 96;

}  // namespace

LinearActivations::LinearActivations(Arena& arena, int64_t tokens, int64_t inputs, const KernelSet& kernels)
    : tokens_(tokens),
      block_(std::max<int64_t>(1, std::min(tokens, kernels.kinds() == 1 ? kBlockTokens : kMixedTokens))),
      kinds_(kernels.kinds()),
      rows_(arena, tokens, inputs / kLinearGroup, kLinearGroup, kernels) {}

LinearActivations::BlockTask LinearActivations::TaskAt(int64_t task, int64_t tasks_of_block) const {
  // A thread has tasks in a row. Short blocks would pass too few rows for every panel that they have to load.
  if (kinds_ > 1) return {task % blocks(), task / blocks()};
  return {task / tasks_of_block, task % tasks_of_block};
}

bool LinearActivations::streams() const {
  if (blocks() != 1) return false;
  for (int kind = 0; kind < kinds_; ++kind) {
    if (tiles(0, kind).count != 1) return false;
  }
  return true;
}

void LinearActivations::Quantize(const float* x, const KernelSet& kernels, const Parallel& parallel) const {
  Fill(kernels, parallel, [&](const LinearTile& tile, int64_t t, int64_t token, const KernelTable& table) {
    const int64_t groups = rows_.groups();
    table.quantize_groups(x + token * groups * kLinearGroup, groups, tile, t, 0);
  });
}

}  // namespace mmoe
