#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/arena.h"
#include "kernels/attention/attention.h"

namespace mmoe {

// Softmax of some query rows over part of the cache: sum of 2^(score - maximum), and that sum over the values.
struct SoftmaxState {
  float* maxima;   // [rows]
  float* totals;   // [rows], 0 for a row that has seen no key
  float* outputs;  // [rows, row_stride]
};

// How the rows of a call are cut: consecutive tokens times the query heads that share a kv head go over the
// cache together.
struct RowBlocks {
  int64_t group;       // query heads per kv head
  int64_t tokens;      // per block
  int64_t rows;        // per block: tokens * group
  int64_t row_stride;  // head_dim rounded up to 64
};

RowBlocks CutRows(const AttentionShape& shape);

SoftmaxState TakeState(Arena& arena, const RowBlocks& blocks);
void ClearState(const SoftmaxState& state, int64_t rows);

// One block of query rows, rotated, normalised and converted to what the cache's kernel wants.
struct QueryRows {
  int64_t kv_head;
  int64_t first_token;
  int64_t rows;
  float* floats;    // [rows, row_stride]
  int8_t* split;    // [rows, 2 * row_stride], int8 caches only
  float* factors;   // [rows]
  int32_t* sums;    // [rows, 2], int8 caches only
  int64_t* valid;   // [rows] scratch of AttendPartition
  int64_t* first;   // [rows] scratch of AttendPartition
  float* scores;    // [rows, kAttentionPartition] scratch
  int8_t* weights;  // [rows, 2 * kAttentionPartition] scratch
};

QueryRows TakeQueryRows(Arena& arena, const RowBlocks& blocks);

// Tokens first_token.. of kv_head's query heads.
void PrepareQueries(const AttentionArgs& args, const RowBlocks& blocks, const AttentionKernels& kernels,
                    int64_t kv_head, int64_t first_token, QueryRows* queries);

// Keys that the block's last row sees.
int64_t VisibleKeys(const AttentionArgs& args, const RowBlocks& blocks, const QueryRows& queries);

// The partition that holds the first key which a token sees.
int64_t FirstPartition(const AttentionArgs& args, int64_t token);

// One partition of one kv head's cache.
struct CachePlace {
  int64_t kv_head;
  int64_t partition;
};

// The softmax over one partition of the cache; the keys of `next` are fetched meanwhile.
void AttendPartition(const AttentionArgs& args, const RowBlocks& blocks, const AttentionKernels& kernels,
                     const QueryRows& queries, int64_t partition, const CachePlace& next,
                     const SoftmaxState& result);

// Adds a later partition to the state, row by row.
void MergePartition(const AttentionArgs& args, const RowBlocks& blocks, const AttentionKernels& kernels,
                    int64_t rows, const SoftmaxState& partition, const SoftmaxState& state);

// Writes rows of tokens first_token.. of kv_head, divided by their totals, to the result.
void WriteRows(const AttentionArgs& args, const RowBlocks& blocks, int64_t kv_head, int64_t first_token,
               int64_t rows, const SoftmaxState& state);

}  // namespace mmoe
