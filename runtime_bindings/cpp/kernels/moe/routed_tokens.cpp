#include "kernels/moe/routed_tokens.h"

#include <algorithm>

namespace mmoe {
namespace {

// Tokens processed together (512 tokens of S at 49 % of the int8 peak, 47 % in halves), and the bound on (token,
// expert) pairs that keeps the scratch small when top_k is large.
constexpr int64_t kChunkTokens = 512;
constexpr int64_t kChunkAssignments = 2048;

// Rows of a task with workers of unequal speed, so that an expert that many tokens go to does not hold a region up. No fewer,
// because each task makes int16 of its panels' scales, a sixty-fourth of the rows' work with 64 of them.
constexpr int64_t kMixedRows = 64;

}  // namespace

int64_t ChunkTokens(int64_t num_tokens, int64_t top_k) {
  const int64_t bound = std::max<int64_t>(1, std::min(kChunkTokens, kChunkAssignments / top_k));
  return std::min(bound, num_tokens);
}

RoutedTokens TakeRoutedTokens(Arena& arena, int64_t tokens, int64_t num_experts, int64_t top_k,
                              const KernelSet& kernels, int num_workers) {
  const int64_t assignments = tokens * top_k;
  RoutedTokens routed;
  routed.scores = arena.Take<float>(tokens * num_experts);
  routed.selected = arena.Take<int32_t>(assignments);
  routed.weights = arena.Take<float>(assignments);
  routed.dispatch.expert_begin = arena.Take<int32_t>(num_experts + 1);
  routed.dispatch.row_token = arena.Take<int32_t>(assignments);
  routed.dispatch.assignment_row = arena.Take<int32_t>(assignments);
  routed.dispatch.runs =
      arena.Take<ExpertRows>(MostRuns(assignments, num_experts, kernels.TaskRows(kMixedRows)));
  routed.dispatch.num_runs = 0;
  routed.rows = arena.Take<const float*>(num_workers * top_k);
  return routed;
}

void RouteTokens(const Router& router, const float* x, int64_t tokens, const KernelSet& kernels,
                 const Parallel& parallel, RoutedTokens& routed) {
  const int64_t experts = router.num_experts, top_k = router.top_k;
  RouterScores(x, router.weight, tokens, experts, router.hidden_size, router.options.softmax, kernels.first(),
               parallel, routed.scores);
  ForRows(parallel, tokens, [&](int64_t t, int) {
    float* scores = routed.scores + t * experts;
    if (router.options.softmax) kernels.first().softmax(scores, experts);
    SelectTopK(scores, router.bias, experts, top_k, router.options, routed.selected + t * top_k,
               routed.weights + t * top_k);
  });
  if (router.observer != nullptr) {
    router.observer->observe(router.observer->context, router.weight, routed.selected, tokens, top_k,
                             experts);
  }
  DispatchTokens(routed.selected, tokens, top_k, experts, kernels.TaskRows(kMixedRows), routed.dispatch);
}

void CombineTokens(const RoutedTokens& routed, const float* results, int64_t tokens, int64_t top_k,
                   int64_t hidden, const KernelTable& kernels, const Parallel& parallel, float* out) {
  ForRows(parallel, tokens, [&](int64_t t, int worker) {
    const float** rows = routed.rows + worker * top_k;
    for (int64_t k = 0; k < top_k; ++k) {
      rows[k] = results + routed.dispatch.assignment_row[t * top_k + k] * hidden;
    }
    kernels.combine(rows, routed.weights + t * top_k, top_k, hidden, out + t * hidden);
  });
}

}  // namespace mmoe
