#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/attention/kv_cache.h"
#include "kernels/isa/kernel_table.h"
#include "kernels/parallel.h"

namespace mmoe {

struct AttentionShape {
  int64_t num_tokens;
  int64_t num_heads;
  int64_t num_kv_heads;
  int64_t head_dim;  // even
  int64_t max_context_len;
  int64_t window = 0;  // keys that a token sees, its own included; 0 for all
};

// query [T, num_heads * head_dim], key and value [T, num_kv_heads * head_dim], rope_cos and rope_sin
// [T, head_dim / 2], out like query; all float32. The caches belong to the same shape.
struct AttentionArgs {
  AttentionShape shape;
  const float* query;
  const float* key;
  const float* value;
  const float* rope_cos;
  const float* rope_sin;
  KvCache cache;
  float* out;
  int64_t position;  // of the first token; position + num_tokens <= max_context_len
  bool use_rope;
  bool use_qk_norm;
  float qk_norm_eps;
  float scale;
};

// nullptr, or what is wrong with the shape or the position.
const char* CheckAttention(const AttentionShape& shape, int64_t position);

// nullptr, or why a cache of so many rows does not hold the windows of these tokens. Without a window it has
// max_context_len rows. With one it is a ring of whole partitions that keeps every key which one of the
// tokens sees, after the last of them was written: window + num_tokens - 1 rows, or all positions so far.
const char* CheckCacheRows(const AttentionShape& shape, int64_t position, int64_t rows);

// Grows neither with the number of tokens nor, beyond 16 thousand of them, with the context.
size_t AttentionWorkspaceBytes(const AttentionShape& shape, int num_workers);

// RoPE on adjacent pairs and RMS norm of queries and keys, keys and values into the caches, then causal
// attention of token t over positions 0..position+t, of which a window leaves the last. The cost follows the
// number of keys seen.
void Attention(const AttentionArgs& args, const KernelTable& kernels, const Parallel& parallel,
               void* workspace);

}  // namespace mmoe
