#pragma once

#include <cstdint>

#include "kernels/arena.h"
#include "kernels/isa/kernel_set.h"
#include "kernels/moe/dispatch.h"
#include "kernels/moe/router_topk.h"
#include "kernels/parallel.h"

namespace mmoe {

// Told which experts the tokens of a call were sent to; for profiling.
struct RoutingObserver {
  // `router` is the layer's router_weight, which tells layers apart; experts [tokens, top_k], each below num_experts.
  void (*observe)(void* context, const void* router, const int32_t* experts, int64_t tokens, int64_t top_k,
                  int64_t num_experts);
  void* context;
};

// The router of one layer: E = num_experts, H = hidden_size.
struct Router {
  const float* weight;  // [E, H]
  const float* bias;    // [E], for the selection
  int64_t num_experts;
  int64_t hidden_size;
  int64_t top_k;
  RouterOptions options;
  const RoutingObserver* observer;
};

// What is common to all kinds of experts before and after their products: which tokens go where with which weight, and
// how a token's rows become its result.
struct RoutedTokens {
  float* scores;      // [tokens, E]
  int32_t* selected;  // [tokens, top_k]
  float* weights;     // [tokens, top_k]
  Dispatch dispatch;
  const float** rows;  // [num_workers, top_k]
};

// Tokens processed together, which read each expert once: at least 1, at most `num_tokens`.
int64_t ChunkTokens(int64_t num_tokens, int64_t top_k);

RoutedTokens TakeRoutedTokens(Arena& arena, int64_t tokens, int64_t num_experts, int64_t top_k,
                              const KernelSet& kernels, int num_workers);

// Fills all but `rows` for x [tokens, H].
void RouteTokens(const Router& router, const float* x, int64_t tokens, const KernelSet& kernels,
                 const Parallel& parallel, RoutedTokens& routed);

// out[t] = the weighted sum of the token's rows of `results` [rows of the dispatch, hidden].
void CombineTokens(const RoutedTokens& routed, const float* results, int64_t tokens, int64_t top_k,
                   int64_t hidden, const KernelTable& kernels, const Parallel& parallel, float* out);

// Elementwise stages are cheap: this many tokens or rows make a task worth a thread.
constexpr int64_t kRowsPerTask = 16;

// body(row, worker) for rows 0..rows-1.
template <class Body>
void ForRows(const Parallel& parallel, int64_t rows, const Body& body) {
  ParallelForBlocks(parallel, rows, kRowsPerTask, body);
}

}  // namespace mmoe
