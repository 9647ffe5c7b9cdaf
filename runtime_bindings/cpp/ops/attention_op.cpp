// mmoe::attention(Tensor query, Tensor key, Tensor value, Tensor rope_cos, Tensor rope_sin, Tensor input_pos,
//                 Tensor(a!) key_cache, Tensor(b!) value_cache, bool use_rope, bool use_qk_norm, float
//                 qk_norm_eps, float scale) -> Tensor

#include "attention.h"

#include <executorch/extension/kernel_util/make_boxed_from_unboxed_functor.h>

#include <cinttypes>

#include "executorch_parallel.h"
#include "op_support.h"

namespace mmoe {
namespace {

Tensor& AttentionOut(KernelRuntimeContext& context, const Tensor& query, const Tensor& key,
                     const Tensor& value, const Tensor& rope_cos, const Tensor& rope_sin,
                     const Tensor& input_pos, Tensor& key_cache, Tensor& value_cache, bool use_rope,
                     bool use_qk_norm, double qk_norm_eps, double scale, Tensor& out) {
  ArgumentCheck check(context, "mmoe::attention");
  check.HasRank(query, "query", 3);
  check.HasRank(key_cache, "key_cache", 4);
  check.Is(input_pos, "input_pos", ScalarType::Long, {1});
  if (!check.ok()) return out;
  const int64_t tokens = query.size(1), head_dim = key_cache.size(3);
  const int64_t kv_heads = key_cache.size(1), context_len = key_cache.size(2);
  const int64_t position = input_pos.const_data_ptr<int64_t>()[0];
  check.NoProblem(head_dim > 0 && query.size(2) % head_dim == 0
                      ? nullptr
                      : "the last dimension of query must be a multiple of the caches' head_dim");
  if (!check.ok()) return out;
  const AttentionShape shape = {tokens, query.size(2) / head_dim, kv_heads, head_dim, context_len};
  const char* problem = CheckAttention(shape, position);
  if (problem != nullptr) {
    ET_LOG(Error, "mmoe::attention: input_pos %" PRId64 ", %" PRId64 " tokens, max_context_len %" PRId64,
           position, tokens, context_len);
  }
  check.NoProblem(problem);
  check.Is(query, "query", ScalarType::Float, {1, tokens, query.size(2)});
  check.Is(key, "key", ScalarType::Float, {1, tokens, kv_heads * head_dim});
  check.Is(value, "value", ScalarType::Float, {1, tokens, kv_heads * head_dim});
  check.Is(rope_cos, "rope_cos", ScalarType::Float, {tokens, head_dim / 2});
  check.Is(rope_sin, "rope_sin", ScalarType::Float, {tokens, head_dim / 2});
  check.Is(key_cache, "key_cache", ScalarType::Float, {1, kv_heads, context_len, head_dim});
  check.Is(value_cache, "value_cache", ScalarType::Float, {1, kv_heads, context_len, head_dim});
  check.ResizeOut(out, {1, tokens, query.size(2)});
  const KernelTable* kernels = check.Kernels();
  if (!check.ok() || tokens == 0) return out;
  const Parallel parallel = ExecutorchParallel();
  void* scratch = check.Scratch(AttentionWorkspaceBytes(shape, parallel.num_workers));
  if (!check.ok()) return out;
  const AttentionArgs args = {shape,
                              query.const_data_ptr<float>(),
                              key.const_data_ptr<float>(),
                              value.const_data_ptr<float>(),
                              rope_cos.const_data_ptr<float>(),
                              rope_sin.const_data_ptr<float>(),
                              key_cache.mutable_data_ptr<float>(),
                              value_cache.mutable_data_ptr<float>(),
                              out.mutable_data_ptr<float>(),
                              position,
                              use_rope,
                              use_qk_norm,
                              static_cast<float>(qk_norm_eps),
                              static_cast<float>(scale)};
  Attention(args, *kernels, parallel, scratch);
  return out;
}

EXECUTORCH_LIBRARY(mmoe, "attention.out", AttentionOut);

}  // namespace
}  // namespace mmoe
