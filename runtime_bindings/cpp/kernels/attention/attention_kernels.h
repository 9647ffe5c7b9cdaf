#pragma once

#include <cstdint>

namespace mmoe {

// Keys that are attended to as a unit: one softmax and one sum of values, later merged with those of the
// other partitions in the order of the cache. Partitions start at multiples of this, so a row's arithmetic
// depends on its position alone, not on threads or on how the tokens were split into calls.
constexpr int64_t kAttentionPartition = 256;

enum class CacheType { kFloat32, kFloat16, kInt8 };
constexpr int kNumCacheTypes = 3;

// What happens to one head of one token of the queries and keys: rotated on adjacent pairs (unless cosine is
// nullptr), then divided by its root mean square (if use_qk_norm). `out` is padded with zeros to a multiple
// of 16 floats.
struct HeadArgs {
  int64_t head_dim;
  const float* x;
  const float* cosine;  // [head_dim / 2]
  const float* sine;
  bool use_qk_norm;
  float qk_norm_eps;
  float* out;
};

// Query rows against the keys of one partition of one kv head. Keys, values and scales point to its first key;
// their layout is that of kv_cache.h.
struct AttendArgs {
  int64_t rows;
  int64_t head_dim;
  int64_t row_stride;    // elements between rows of queries and of outputs: a multiple of 64
  const int64_t* valid;  // row r sees the first valid[r] keys, at most kAttentionPartition; may be 0 or less
  const int64_t* first;  // of those, the keys before first[r] are out of the row's window
  const float* queries;  // zero from head_dim on; not for int8
  const int8_t* split_queries;  // [rows, 2 * row_stride] as quantize_query writes them; int8 only
  const int32_t* split_sums;    // [rows, 2]; int8 only
  const float* factors;         // of the products of each row, with the query's scale in them for int8
  const void* keys;
  const void* values;
  const float* key_steps;       // int8 only
  const float* value_steps;     // int8 only
  const void* next_keys;        // of the partition that follows, to be fetched
  const float* next_key_steps;  // the same; int8 only
  float* scores;                // scratch [rows, kAttentionPartition]
  int8_t* weights;  // scratch [rows, 2 * kAttentionPartition], as StoreInt14 writes them; int8 only
  float* maxima;    // results, for rows that see a key: the largest score,
  float* totals;    // the sum of 2^(score - maximum),
  float* outputs;   // the same sum of 2^(score - maximum) * value
};

// Adds a partition's results to those of the partitions before it; a state without any has total 0.
struct MergeArgs {
  int64_t head_dim;
  const float* maximum;
  const float* total;
  const float* output;
  float* state_maximum;
  float* state_total;
  float* state_output;
};

// What each instruction set provides for attention.
struct AttentionKernels {
  void (*prepare_head)(const HeadArgs& args);
  void (*to_float16)(const float* x, int64_t count, uint16_t* out);  // count is a multiple of 16
  // One row of keys or values, zero from head_dim on, to int8 with one scale; out has head_dim rounded up to 64 bytes.
  void (*quantize_row)(const float* x, int64_t head_dim, int8_t* out, float* row_scale);
  // A query of the same form to integers in -8191..8191, as this set's attend takes them: out has 2 * row_stride
  // bytes, sums two integers.
  void (*quantize_query)(const float* x, int64_t head_dim, int64_t row_stride, int8_t* out, float* row_scale,
                         int32_t* sums);
  void (*attend[kNumCacheTypes])(const AttendArgs& args);
  void (*merge)(const MergeArgs& args);
};

}  // namespace mmoe
