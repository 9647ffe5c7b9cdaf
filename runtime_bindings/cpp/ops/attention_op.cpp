// mmoe::attention(Tensor query, Tensor key, Tensor value, Tensor rope_cos, Tensor rope_sin, Tensor input_pos,
//                 Tensor(a!) key_cache, Tensor(b!) value_cache, bool use_rope, bool use_qk_norm,
//                 float qk_norm_eps, float scale) -> Tensor
// mmoe::attention_int8(Tensor query, Tensor key, Tensor value, Tensor rope_cos, Tensor rope_sin,
//                      Tensor input_pos, Tensor(a!) key_cache, Tensor(b!) value_cache, Tensor(d!) key_steps,
//                      Tensor(e!) value_steps, bool use_rope, bool use_qk_norm, float qk_norm_eps,
//                      float scale) -> Tensor
// mmoe::attention_window and mmoe::attention_window_int8 have the same arguments and two more, int window and
// int max_context_len: a token sees the last `window` keys, and the caches are rings of as many rows as
// CheckCacheRows asks for.

#include "kernels/attention/attention.h"

#include <cinttypes>

#include "ops/checked_operator.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"

namespace mmoe {
namespace {

struct Inputs {
  const Tensor& query;
  const Tensor& key;
  const Tensor& value;
  const Tensor& rope_cos;
  const Tensor& rope_sin;
  const Tensor& input_pos;
};

struct Options {
  bool use_rope;
  bool use_qk_norm;
  double qk_norm_eps;
  double scale;
  int64_t window;           // 0: every token sees all before it,
  int64_t max_context_len;  // and this is the number of rows
};

int64_t RoundUp(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }

// Checks the inputs against a cache whose sizes are known, and runs.
void Run(ArgumentCheck& check, const char* op, const Inputs& inputs, const Options& options,
         const KvCache& cache, Tensor& out) {
  if (!check.ok()) return;
  const int64_t head_dim = cache.head_dim, tokens = inputs.query.size(1), width = inputs.query.size(2);
  check.NoProblem(head_dim > 0 && width % head_dim == 0
                      ? nullptr
                      : "the last dimension of query must be a multiple of the caches' head_dim");
  check.Is(inputs.input_pos, "input_pos", ScalarType::Long, {1});
  if (!check.ok()) return;
  const int64_t position = inputs.input_pos.const_data_ptr<int64_t>()[0];
  const AttentionShape shape = {tokens,   width / head_dim,        cache.num_kv_heads,
                                head_dim, options.max_context_len, options.window};
  const char* problem = CheckAttention(shape, position);
  if (problem == nullptr) problem = CheckCacheRows(shape, position, cache.rows);
  if (problem != nullptr) {
    ET_LOG(Error, "%s: input_pos %" PRId64 ", %" PRId64 " tokens, max_context_len %" PRId64, op, position,
           tokens, options.max_context_len);
  }
  check.NoProblem(problem);
  check.Is(inputs.query, "query", ScalarType::Float, {1, tokens, width});
  check.Is(inputs.key, "key", ScalarType::Float, {1, tokens, cache.num_kv_heads * head_dim});
  check.Is(inputs.value, "value", ScalarType::Float, {1, tokens, cache.num_kv_heads * head_dim});
  check.Is(inputs.rope_cos, "rope_cos", ScalarType::Float, {tokens, head_dim / 2});
  check.Is(inputs.rope_sin, "rope_sin", ScalarType::Float, {tokens, head_dim / 2});
  check.ResizeOut(out, {1, tokens, width});
  const std::optional<KernelSet> kernels = check.Kernels();
  if (!check.ok() || tokens == 0) return;
  const Parallel parallel = OperatorParallel();
  void* scratch = check.Scratch(AttentionWorkspaceBytes(shape, parallel.num_workers));
  if (!check.ok()) return;
  const AttentionArgs args = {shape,
                              inputs.query.const_data_ptr<float>(),
                              inputs.key.const_data_ptr<float>(),
                              inputs.value.const_data_ptr<float>(),
                              inputs.rope_cos.const_data_ptr<float>(),
                              inputs.rope_sin.const_data_ptr<float>(),
                              cache,
                              out.mutable_data_ptr<float>(),
                              position,
                              options.use_rope,
                              options.use_qk_norm,
                              static_cast<float>(options.qk_norm_eps),
                              static_cast<float>(options.scale)};
  Attention(args, kernels->first(), parallel, scratch);
}

// A cache of 4 dimensions.
void RunFloat(ArgumentCheck& check, const char* op, const Inputs& inputs, Options options, Tensor& key_cache,
              Tensor& value_cache, Tensor& out) {
  check.HasRank(inputs.query, "query", 3);
  check.HasRank(key_cache, "key_cache", 4);
  if (!check.ok()) return;
  const int64_t kv_heads = key_cache.size(1), rows = key_cache.size(2), head_dim = key_cache.size(3);
  const bool half = key_cache.scalar_type() == ScalarType::Half;
  const ScalarType dtype = half ? ScalarType::Half : ScalarType::Float;
  check.Is(key_cache, "key_cache", dtype, {1, kv_heads, rows, head_dim});
  check.Is(value_cache, "value_cache", dtype, {1, kv_heads, rows, head_dim});
  if (!check.ok()) return;
  if (options.window == 0) options.max_context_len = rows;
  const KvCache cache = {half ? CacheType::kFloat16 : CacheType::kFloat32,
                         kv_heads,
                         rows,
                         head_dim,
                         key_cache.mutable_data_ptr(),
                         value_cache.mutable_data_ptr(),
                         nullptr,
                         nullptr};
  Run(check, op, inputs, options, cache, out);
}

struct Int8Caches {
  Tensor& keys;
  Tensor& values;
  Tensor& key_steps;
  Tensor& value_steps;
};

void RunInt8(ArgumentCheck& check, const char* op, const Inputs& inputs, Options options,
             const Int8Caches& caches, Tensor& out) {
  check.HasRank(inputs.query, "query", 3);
  check.HasRank(inputs.key, "key", 3);
  check.HasRank(caches.key_steps, "key_steps", 3);
  if (!check.ok()) return;
  const int64_t kv_heads = caches.key_steps.size(1), rows = caches.key_steps.size(2);
  check.NoProblem(kv_heads > 0 && inputs.key.size(2) % kv_heads == 0
                      ? nullptr
                      : "the last dimension of key must be a multiple of the number of kv heads");
  if (!check.ok()) return;
  const int64_t head_dim = inputs.key.size(2) / kv_heads;
  check.Is(caches.key_steps, "key_steps", ScalarType::Float, {1, kv_heads, rows});
  check.Is(caches.value_steps, "value_steps", ScalarType::Float, {1, kv_heads, rows});
  check.Is(caches.keys, "key_cache", ScalarType::Char,
           {1, kv_heads, RoundUp(rows, 16) / 16, RoundUp(head_dim, 4) / 4, 16, 4});
  check.Is(caches.values, "value_cache", ScalarType::Char,
           {1, kv_heads, RoundUp(rows, 4) / 4, RoundUp(head_dim, 16), 4});
  if (!check.ok()) return;
  if (options.window == 0) options.max_context_len = rows;
  const KvCache cache = {CacheType::kInt8,
                         kv_heads,
                         rows,
                         head_dim,
                         caches.keys.mutable_data_ptr(),
                         caches.values.mutable_data_ptr(),
                         caches.key_steps.mutable_data_ptr<float>(),
                         caches.value_steps.mutable_data_ptr<float>()};
  Run(check, op, inputs, options, cache, out);
}

void AttentionOut(KernelRuntimeContext& context, const Tensor& query, const Tensor& key, const Tensor& value,
                  const Tensor& rope_cos, const Tensor& rope_sin, const Tensor& input_pos, Tensor& key_cache,
                  Tensor& value_cache, bool use_rope, bool use_qk_norm, double qk_norm_eps, double scale,
                  Tensor& out) {
  ArgumentCheck check(context, "mmoe::attention");
  RunFloat(check, "mmoe::attention", {query, key, value, rope_cos, rope_sin, input_pos},
           {use_rope, use_qk_norm, qk_norm_eps, scale, 0, 0}, key_cache, value_cache, out);
}

void AttentionInt8Out(KernelRuntimeContext& context, const Tensor& query, const Tensor& key,
                      const Tensor& value, const Tensor& rope_cos, const Tensor& rope_sin,
                      const Tensor& input_pos, Tensor& key_cache, Tensor& value_cache, Tensor& key_steps,
                      Tensor& value_steps, bool use_rope, bool use_qk_norm, double qk_norm_eps, double scale,
                      Tensor& out) {
  ArgumentCheck check(context, "mmoe::attention_int8");
  RunInt8(check, "mmoe::attention_int8", {query, key, value, rope_cos, rope_sin, input_pos},
          {use_rope, use_qk_norm, qk_norm_eps, scale, 0, 0}, {key_cache, value_cache, key_steps, value_steps},
          out);
}

const char* CheckWindow(int64_t window) {
  return window > 0 ? nullptr : "the window must be positive; without one there is mmoe::attention";
}

void AttentionWindowOut(KernelRuntimeContext& context, const Tensor& query, const Tensor& key,
                        const Tensor& value, const Tensor& rope_cos, const Tensor& rope_sin,
                        const Tensor& input_pos, Tensor& key_cache, Tensor& value_cache, bool use_rope,
                        bool use_qk_norm, double qk_norm_eps, double scale, int64_t window,
                        int64_t max_context_len, Tensor& out) {
  ArgumentCheck check(context, "mmoe::attention_window");
  check.NoProblem(CheckWindow(window));
  RunFloat(check, "mmoe::attention_window", {query, key, value, rope_cos, rope_sin, input_pos},
           {use_rope, use_qk_norm, qk_norm_eps, scale, window, max_context_len}, key_cache, value_cache, out);
}

void AttentionWindowInt8Out(KernelRuntimeContext& context, const Tensor& query, const Tensor& key,
                            const Tensor& value, const Tensor& rope_cos, const Tensor& rope_sin,
                            const Tensor& input_pos, Tensor& key_cache, Tensor& value_cache,
                            Tensor& key_steps, Tensor& value_steps, bool use_rope, bool use_qk_norm,
                            double qk_norm_eps, double scale, int64_t window, int64_t max_context_len,
                            Tensor& out) {
  ArgumentCheck check(context, "mmoe::attention_window_int8");
  check.NoProblem(CheckWindow(window));
  RunInt8(check, "mmoe::attention_window_int8", {query, key, value, rope_cos, rope_sin, input_pos},
          {use_rope, use_qk_norm, qk_norm_eps, scale, window, max_context_len},
          {key_cache, value_cache, key_steps, value_steps}, out);
}

const auto kAttentionRegistered = RegisterOperator<AttentionOut>("mmoe::attention.out");
const auto kAttentionInt8Registered = RegisterOperator<AttentionInt8Out>("mmoe::attention_int8.out");
const auto kAttentionWindowRegistered = RegisterOperator<AttentionWindowOut>("mmoe::attention_window.out");
const auto kAttentionWindowInt8Registered =
    RegisterOperator<AttentionWindowInt8Out>("mmoe::attention_window_int8.out");

}  // namespace
}  // namespace mmoe
