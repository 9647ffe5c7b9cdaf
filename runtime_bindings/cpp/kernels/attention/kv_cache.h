#pragma once

#include <cstdint>

#include "kernels/attention/attention_kernels.h"

namespace mmoe {

// The keys and values of one layer: position p lies in row p modulo C. With K = num_kv_heads, C = rows and
// D = head_dim:
//   float32, float16  keys and values [K, C, D]
//   int8              keys [K, ceil(C / 16), ceil(D / 4), 16, 4], where the last two axes are the position
//                     within 16 and the dimension within 4; values [K, ceil(C / 4), D rounded up to 16, 4],
//                     where the last axis is the position within 4: the order in which dot products of four
//                     take them. A float32 scale per row, key_steps and value_steps [K, C].
struct KvCache {
  CacheType type;
  int64_t num_kv_heads;
  int64_t rows;  // a multiple of kAttentionPartition where positions exceed it
  int64_t head_dim;
  void* keys;
  void* values;
  float* key_steps;    // int8 only
  float* value_steps;  // int8 only
};

// Where a kv head's rows from `position` on begin, a multiple of 16; they go on to the end of the partition.
struct CacheView {
  const void* keys;
  const void* values;
  const float* key_steps;
  const float* value_steps;
};
CacheView ViewCache(const KvCache& cache, int64_t kv_head, int64_t position);

// Writes one row of one kv head: key and value [head_dim rounded up to 16, zero from head_dim on]; bytes is
// scratch of head_dim rounded up to 64 elements of 2 bytes.
void StoreRow(const KvCache& cache, const AttentionKernels& kernels, int64_t kv_head, int64_t position,
              const float* key, const float* value, void* bytes);

}  // namespace mmoe
