#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel_table.h"
#include "parallel.h"

namespace mmoe {

// Keys per step of the running softmax. Blocks start at multiples of this in the cache, so a row's arithmetic
// depends only on its position, not on how the tokens were split into calls.
constexpr int64_t kAttentionBlock = 64;

struct AttentionShape {
  int64_t num_tokens;
  int64_t num_heads;
  int64_t num_kv_heads;
  int64_t head_dim;  // even
  int64_t max_context_len;
};

// query [T, num_heads * head_dim], key and value [T, num_kv_heads * head_dim], rope_cos and rope_sin
// [T, head_dim / 2], caches [num_kv_heads, max_context_len, head_dim], out like query; all float32.
struct AttentionArgs {
  AttentionShape shape;
  const float* query;
  const float* key;
  const float* value;
  const float* rope_cos;
  const float* rope_sin;
  float* key_cache;
  float* value_cache;
  float* out;
  int64_t position;  // of the first token; position + num_tokens <= max_context_len
  bool use_rope;
  bool use_qk_norm;
  float qk_norm_eps;
  float scale;
};

// nullptr, or what is wrong with the shape or the position.
const char* CheckAttention(const AttentionShape& shape, int64_t position);

size_t AttentionWorkspaceBytes(const AttentionShape& shape, int num_workers);

// RoPE on adjacent pairs and RMS norm of queries and keys, keys and values into the caches, then causal
// attention of token t over cache rows 0..position+t. The cost follows the filled length.
void Attention(const AttentionArgs& args, const KernelTable& kernels, const Parallel& parallel,
               void* workspace);

// For KernelTable::attend: `rows` query rows against cache rows first_key..first_key+63 of one kv head. Rows
// are row_stride floats apart in queries and outputs (head_dim rounded up to 16, padded with zeros).
struct AttendArgs {
  int64_t rows;
  int64_t head_dim;
  int64_t row_stride;
  int64_t first_key;
  float scale;
  const float* queries;
  const float* keys;          // cache row first_key
  const float* values;        // cache row first_key
  const int64_t* row_limits;  // row r sees cache rows 0..row_limits[r]-1
  float* row_max;
  float* row_sum;
  float* weights;  // [rows, kAttentionBlock] scratch
  float* outputs;  // unnormalised: divide by row_sum at the end
};

}  // namespace mmoe
