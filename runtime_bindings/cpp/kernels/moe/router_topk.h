#pragma once

#include <cstdint>

#include "kernels/isa/kernel_table.h"
#include "kernels/parallel.h"

namespace mmoe {

struct RouterOptions {
  bool norm_topk_prob;
  float routed_scaling_factor;
  bool softmax = false;  // over all experts, instead of a sigmoid of each
  float sum_eps = 1e-20f;
};

// scores[t][e] = sigmoid(x[t] . weight[e]), or x[t] . weight[e] itself if `logits`; x [tokens, hidden], weight
// [experts, hidden], scores [tokens, experts].
void RouterScores(const float* x, const float* weight, int64_t tokens, int64_t experts, int64_t hidden,
                  bool logits, const KernelTable& kernels, const Parallel& parallel, float* scores);

// One token: the top_k experts by scores[e] + bias[e], best first, ties to the lower index. Their weights are
// the unbiased scores, divided by (their sum + sum_eps) if norm_topk_prob, times routed_scaling_factor.
void SelectTopK(const float* scores, const float* bias, int64_t experts, int64_t top_k,
                const RouterOptions& options, int32_t* selected, float* weights);

}  // namespace mmoe
