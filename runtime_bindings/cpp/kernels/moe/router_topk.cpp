#include "kernels/moe/router_topk.h"

#include <algorithm>

namespace mmoe {
namespace {

// Work of one task: eight experts' rows stay in the L1 cache while sixteen tokens pass.
constexpr int64_t kExpertsPerTask = 8;
constexpr int64_t kTokensPerTask = 16;

}  // namespace

void RouterScores(const float* x, const float* weight, int64_t tokens, int64_t experts, int64_t hidden,
                  bool logits, const KernelTable& kernels, const Parallel& parallel, float* scores) {
  const auto of_tokens = logits ? kernels.router_logits : kernels.router_scores;
  const int64_t expert_blocks = (experts + kExpertsPerTask - 1) / kExpertsPerTask;
  const int64_t token_blocks = (tokens + kTokensPerTask - 1) / kTokensPerTask;
  ParallelFor(parallel, expert_blocks * token_blocks, [&](int64_t task, int) {
    const int64_t first = task % expert_blocks * kExpertsPerTask;
    const int64_t count = std::min(kExpertsPerTask, experts - first);
    const int64_t begin = task / expert_blocks * kTokensPerTask;
    of_tokens(x + begin * hidden, std::min(kTokensPerTask, tokens - begin), weight + first * hidden, count,
              hidden, scores + begin * experts + first, experts);
  });
}

void SelectTopK(const float* scores, const float* bias, int64_t experts, int64_t top_k,
                const RouterOptions& options, int32_t* selected, float* weights) {
  // Insertion into a list kept in descending order of biased score (held in `weights` meanwhile). Experts
  // arrive by index and only a strictly better one moves ahead, so a tie keeps the lower index first.
  int64_t filled = 0;
  for (int64_t e = 0; e < experts; ++e) {
    const float biased = scores[e] + bias[e];
    if (filled == top_k && !(biased > weights[top_k - 1])) continue;
    int64_t at = filled < top_k ? filled++ : top_k - 1;
    for (; at > 0 && biased > weights[at - 1]; --at) {
      weights[at] = weights[at - 1];
      selected[at] = selected[at - 1];
    }
    weights[at] = biased;
    selected[at] = static_cast<int32_t>(e);
  }
  float sum = 0.0f;
  for (int64_t k = 0; k < top_k; ++k) {
    weights[k] = scores[selected[k]];
    sum += weights[k];
  }
  for (int64_t k = 0; k < top_k; ++k) {
    if (options.norm_topk_prob) weights[k] /= sum + options.sum_eps;
    weights[k] *= options.routed_scaling_factor;
  }
}

}  // namespace mmoe
