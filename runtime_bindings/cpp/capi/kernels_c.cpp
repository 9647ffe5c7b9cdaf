#include "capi/kernels_c.h"

#include <cstdlib>
#include <cstring>
#include <memory>

#include "capi/thread_parallel.h"
#include "kernels/arena.h"
#include "kernels/attention/attention.h"
#include "kernels/isa/isa.h"
#include "kernels/linear/embedding.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/swiglu_ffn.h"
#include "kernels/moe/experts.h"
#include "kernels/moe/moe_ffn.h"
#include "kernels/moe/moe_ffn_in.h"
#include "kernels/moe/panel_dot.h"
#include "kernels/panel.h"

namespace mmoe {
namespace {

constexpr int64_t kMaxThreads = 1024;
constexpr const char* kNoMemory = "no memory for the scratch";

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

std::unique_ptr<void, Free> AllocateScratch(size_t bytes) {
  const size_t rounded = (bytes + Arena::kAlignment) / Arena::kAlignment * Arena::kAlignment;
  return std::unique_ptr<void, Free>(std::aligned_alloc(Arena::kAlignment, rounded));
}

// Kernels and workers, or the reason why not.
struct Target {
  Target(const char* isa, int64_t threads) : workers(static_cast<int>(threads)) {
    kernels = FindKernels(isa, &error);
    if (error == nullptr && (threads < 1 || threads > kMaxThreads)) error = "threads must be in 1..1024";
  }
  const KernelTable* kernels;
  int workers;
  const char* error = nullptr;
};

const char* CheckIds(const int64_t* ids, int64_t count, int64_t vocab_size) {
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] < 0 || ids[i] >= vocab_size) return "a token id is outside 0..vocab_size-1";
  }
  return nullptr;
}

}  // namespace
}  // namespace mmoe

using namespace mmoe;

const char* mmoe_check_isa(const char* isa) { return Target(isa, 1).error; }

const char* mmoe_moe_ffn(const char* isa, int64_t threads, int64_t num_tokens, int64_t hidden_size,
                         int64_t num_experts, int64_t intermediate_size, int64_t top_k,
                         int64_t norm_topk_prob, float routed_scaling_factor, const float* x,
                         const float* router_weight, const float* expert_bias, const uint8_t* gate_up_weight,
                         const uint16_t* gate_up_scale, const uint8_t* down_weight,
                         const uint16_t* down_scale, float* out) {
  const Target target(isa, threads);
  if (target.error != nullptr) return target.error;
  const MoeFfnShape shape = {num_tokens, hidden_size, num_experts, intermediate_size, top_k};
  if (const char* problem = CheckMoeFfn(shape)) return problem;
  const auto scratch = AllocateScratch(MoeFfnWorkspaceBytes(shape, *target.kernels, target.workers));
  if (scratch == nullptr) return kNoMemory;
  ThreadParallel pool(target.workers);
  const RouterOptions router = {norm_topk_prob != 0, routed_scaling_factor};
  MoeFfn({shape, router, x, router_weight, expert_bias, gate_up_weight, gate_up_scale, down_weight,
          down_scale, out},
         *target.kernels, pool.parallel(), scratch.get());
  return nullptr;
}

const char* mmoe_moe_ffn_in(const char* isa, int64_t threads, int64_t num_tokens, int64_t hidden_size,
                            int64_t num_experts, int64_t intermediate_size, int64_t group_size, int64_t top_k,
                            int64_t softmax, int64_t norm_topk_prob, float sum_eps,
                            float routed_scaling_factor, int64_t float_scales, const float* x,
                            const float* router_weight, const float* expert_bias,
                            const uint8_t* gate_up_weight, const void* gate_up_scale,
                            const uint8_t* gate_up_zero, const uint8_t* down_weight, const void* down_scale,
                            const uint8_t* down_zero, float* out) {
  const Target target(isa, threads);
  if (target.error != nullptr) return target.error;
  const MoeFfnShape shape = {num_tokens, hidden_size, num_experts, intermediate_size, top_k};
  if (const char* problem = CheckMoeFfnIn(shape, group_size)) return problem;
  const auto scratch =
      AllocateScratch(MoeFfnInWorkspaceBytes(shape, group_size, *target.kernels, target.workers));
  if (scratch == nullptr) return kNoMemory;
  ThreadParallel pool(target.workers);
  const auto matrix = [&](const uint8_t* weight, const void* scale, const uint8_t* zero) {
    return GroupedExperts{weight, float_scales != 0 ? nullptr : static_cast<const uint16_t*>(scale),
                          float_scales != 0 ? static_cast<const float*>(scale) : nullptr, zero};
  };
  const RouterOptions router = {norm_topk_prob != 0, routed_scaling_factor, softmax != 0, sum_eps};
  MoeFfnIn(
      {shape, group_size, router, x, router_weight, expert_bias,
       matrix(gate_up_weight, gate_up_scale, gate_up_zero), matrix(down_weight, down_scale, down_zero), out},
      *target.kernels, pool.parallel(), scratch.get());
  return nullptr;
}

const char* mmoe_attention(const char* isa, int64_t threads, int64_t num_tokens, int64_t num_heads,
                           int64_t num_kv_heads, int64_t head_dim, int64_t max_context_len, int64_t window,
                           int64_t cache_rows, int64_t position, int64_t use_rope, int64_t use_qk_norm,
                           float qk_norm_eps, float scale, int64_t cache_type, const float* query,
                           const float* key, const float* value, const float* rope_cos, const float* rope_sin,
                           void* key_cache, void* value_cache, float* key_steps, float* value_steps,
                           float* out) {
  const Target target(isa, threads);
  if (target.error != nullptr) return target.error;
  if (cache_type < 0 || cache_type >= kNumCacheTypes) return "unknown type of cache";
  const AttentionShape shape = {num_tokens, num_heads, num_kv_heads, head_dim, max_context_len, window};
  if (const char* problem = CheckAttention(shape, position)) return problem;
  if (const char* problem = CheckCacheRows(shape, position, cache_rows)) return problem;
  const auto scratch = AllocateScratch(AttentionWorkspaceBytes(shape, target.workers));
  if (scratch == nullptr) return kNoMemory;
  ThreadParallel pool(target.workers);
  const KvCache cache = {static_cast<CacheType>(cache_type),
                         num_kv_heads,
                         cache_rows,
                         head_dim,
                         key_cache,
                         value_cache,
                         key_steps,
                         value_steps};
  Attention({shape, query, key, value, rope_cos, rope_sin, cache, out, position, use_rope != 0,
             use_qk_norm != 0, qk_norm_eps, scale},
            *target.kernels, pool.parallel(), scratch.get());
  return nullptr;
}

const char* mmoe_embedding(int64_t threads, int64_t vocab_size, int64_t hidden_size, int64_t num_tokens,
                           const uint8_t* qweight, const uint16_t* scale, const int64_t* ids, float* out) {
  const Target target("portable", threads);
  if (target.error != nullptr) return target.error;
  if (hidden_size < 1 || hidden_size % 32 != 0) return "hidden_size must be a positive multiple of 32";
  if (const char* problem = CheckIds(ids, num_tokens, vocab_size)) return problem;
  ThreadParallel pool(target.workers);
  Embedding(qweight, scale, hidden_size, ids, num_tokens, pool.parallel(), out);
  return nullptr;
}

const char* mmoe_embedding_panels(int64_t threads, int64_t vocab_size, int64_t hidden_size,
                                  int64_t num_tokens, const uint8_t* weight, const uint16_t* scale,
                                  const int64_t* ids, float* out) {
  const Target target("portable", threads);
  if (target.error != nullptr) return target.error;
  if (const char* problem = CheckLinear(hidden_size, vocab_size)) return problem;
  if (const char* problem = CheckIds(ids, num_tokens, vocab_size)) return problem;
  ThreadParallel pool(target.workers);
  EmbeddingPanels(weight, scale, hidden_size, ids, num_tokens, pool.parallel(), out);
  return nullptr;
}

const char* mmoe_linear(const char* isa, int64_t threads, int64_t num_tokens, int64_t inputs, int64_t outputs,
                        const float* x, const uint8_t* weight, const uint16_t* scale, float* out) {
  const Target target(isa, threads);
  if (target.error != nullptr) return target.error;
  if (const char* problem = CheckLinear(inputs, outputs)) return problem;
  const auto scratch = AllocateScratch(LinearWorkspaceBytes(num_tokens, inputs, *target.kernels));
  if (scratch == nullptr) return kNoMemory;
  ThreadParallel pool(target.workers);
  const LinearTarget to = {out, outputs};
  Linear(x, num_tokens, {weight, scale, inputs}, &to, 1, *target.kernels, pool.parallel(), scratch.get());
  return nullptr;
}

const char* mmoe_swiglu_ffn(const char* isa, int64_t threads, int64_t num_tokens, int64_t hidden_size,
                            int64_t width, const float* x, const uint8_t* gate_up_weight,
                            const uint16_t* gate_up_scale, const uint8_t* down_weight,
                            const uint16_t* down_scale, float* out) {
  const Target target(isa, threads);
  if (target.error != nullptr) return target.error;
  const SwigluFfnShape shape = {num_tokens, hidden_size, width};
  if (const char* problem = CheckSwigluFfn(shape)) return problem;
  const auto scratch = AllocateScratch(SwigluFfnWorkspaceBytes(shape, *target.kernels));
  if (scratch == nullptr) return kNoMemory;
  ThreadParallel pool(target.workers);
  SwigluFfn(shape, x, {gate_up_weight, gate_up_scale, hidden_size}, {down_weight, down_scale, width},
            *target.kernels, pool.parallel(), scratch.get(), out);
  return nullptr;
}

const char* mmoe_project_panel(const char* isa, int64_t tokens, int64_t inputs, const float* x,
                               const uint8_t* weight, const uint16_t* scale, int8_t* quantized,
                               float* activation_scales, float* outputs) {
  const Target target(isa, 1);
  if (target.error != nullptr) return target.error;
  const KernelTable& kernels = *target.kernels;
  if (tokens < 0 || tokens > kernels.token_tile) return "tokens must fit one tile of the instruction set";
  if (inputs < 16 || inputs % 16 != 0) return "inputs must be a positive multiple of 16";
  Arena sizer(nullptr);
  TakeExpertScratch(sizer, inputs, kernels);
  TakeQuantizedRows(sizer, tokens, inputs, kernels);
  const auto memory = AllocateScratch(sizer.used());
  if (memory == nullptr) return kNoMemory;
  Arena arena(memory.get());
  const ExpertScratch scratch = TakeExpertScratch(arena, inputs, kernels);
  const QuantizedTile& quantized_tile = scratch.quantized[0];
  QuantizedRows rows = TakeQuantizedRows(arena, tokens, inputs, kernels);
  rows.exact = x;
  if (tokens == 0) return nullptr;
  for (int64_t t = 0; t < tokens; ++t) {
    FillQuantizedRow(rows, t, kernels);
    scratch.rows[t] = rows.values[0] + t * rows.stride;
    scratch.exact_rows[t] = x + t * inputs;
    scratch.outputs[t] = outputs + t * kPanelOutputs;
  }
  const float scale_of_scales = kernels.quantize_scales(scale, inputs, scratch.scales);
  kernels.quantize_tile({scratch.rows, rows.row_scales, scratch.scales, scale_of_scales, scratch.exact_rows,
                         scale, inputs, static_cast<int>(tokens), quantized_tile.activations,
                         activation_scales, quantized_tile.sums});
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t i = 0; i < inputs; ++i) {
      const int64_t chunk = i / kActivationChunk * tokens + t;
      quantized[t * inputs + i] = quantized_tile.activations[chunk * kActivationChunk + i % kActivationChunk];
    }
  }
  kernels.panel_dot({weight, inputs, quantized_tile.activations, static_cast<int>(tokens), activation_scales,
                     quantized_tile.sums, scratch.outputs, weight, 0});
  return nullptr;
}

const char* mmoe_swiglu(const char* isa, int64_t width, const float* gate_up, float* out) {
  const Target target(isa, 1);
  if (target.error != nullptr) return target.error;
  if (width < 0 || width % 16 != 0) return "width must be a multiple of 16";
  target.kernels->swiglu(gate_up, gate_up + width, width, out);
  return nullptr;
}

const char* mmoe_router_topk(const char* isa, int64_t num_experts, int64_t hidden_size, int64_t top_k,
                             int64_t norm_topk_prob, float routed_scaling_factor, const float* x,
                             const float* router_weight, const float* expert_bias, float* scores,
                             int32_t* selected, float* weights) {
  const Target target(isa, 1);
  if (target.error != nullptr) return target.error;
  if (const char* problem = CheckMoeFfn({1, hidden_size, num_experts, 16, top_k})) return problem;
  target.kernels->router_scores(x, 1, router_weight, num_experts, hidden_size, scores, num_experts);
  SelectTopK(scores, expert_bias, num_experts, top_k, {norm_topk_prob != 0, routed_scaling_factor}, selected,
             weights);
  return nullptr;
}
