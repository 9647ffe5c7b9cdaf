#include "kernels/attention/query_rows.h"

#include <algorithm>
#include <cstring>

namespace mmoe {
namespace {

// Rows per block: many enough to reuse what is read of the cache, few enough to stay in the second-level cache.
constexpr int64_t kTargetRows = 48;

// log2(e): scores are exponents of two, which are cheaper to raise.
constexpr float kExponentsPerScore = 1.44269504088896341f;

int64_t Offset(const AttentionShape& shape, const RowBlocks& blocks, int64_t kv_head, int64_t first_token,
               int64_t row) {
  const int64_t head = kv_head * blocks.group + row % blocks.group;
  return ((first_token + row / blocks.group) * shape.num_heads + head) * shape.head_dim;
}

int64_t FirstKey(const AttentionArgs& args, int64_t token) {
  const int64_t window = args.shape.window;
  return window == 0 ? 0 : std::max<int64_t>(0, args.position + token + 1 - window);
}

}  // namespace

RowBlocks CutRows(const AttentionShape& shape) {
  RowBlocks blocks;
  blocks.group = shape.num_heads / shape.num_kv_heads;
  blocks.tokens = std::max<int64_t>(1, std::min(kTargetRows / blocks.group, shape.num_tokens));
  blocks.rows = blocks.tokens * blocks.group;
  blocks.row_stride = (shape.head_dim + 63) / 64 * 64;
  return blocks;
}

SoftmaxState TakeState(Arena& arena, const RowBlocks& blocks) {
  SoftmaxState state;
  state.maxima = arena.Take<float>(blocks.rows);
  state.totals = arena.Take<float>(blocks.rows);
  state.outputs = arena.Take<float>(blocks.rows * blocks.row_stride);
  return state;
}

void ClearState(const SoftmaxState& state, int64_t rows) {
  std::fill(state.totals, state.totals + rows, 0.0f);
}

QueryRows TakeQueryRows(Arena& arena, const RowBlocks& blocks) {
  QueryRows queries = {};
  queries.floats = arena.Take<float>(blocks.rows * blocks.row_stride);
  queries.split = arena.Take<int8_t>(blocks.rows * 2 * blocks.row_stride);
  queries.factors = arena.Take<float>(blocks.rows);
  queries.sums = arena.Take<int32_t>(2 * blocks.rows);
  queries.valid = arena.Take<int64_t>(blocks.rows);
  queries.first = arena.Take<int64_t>(blocks.rows);
  queries.scores = arena.Take<float>(blocks.rows * kAttentionPartition);
  queries.weights = arena.Take<int8_t>(blocks.rows * 2 * kAttentionPartition);
  return queries;
}

void PrepareQueries(const AttentionArgs& args, const RowBlocks& blocks, const AttentionKernels& kernels,
                    int64_t kv_head, int64_t first_token, QueryRows* queries) {
  const AttentionShape& shape = args.shape;
  queries->kv_head = kv_head;
  queries->first_token = first_token;
  queries->rows = std::min(blocks.tokens, shape.num_tokens - first_token) * blocks.group;
  for (int64_t row = 0; row < queries->rows; ++row) {
    const int64_t angles = (first_token + row / blocks.group) * (shape.head_dim / 2);
    float* prepared = queries->floats + row * blocks.row_stride;
    kernels.prepare_head({shape.head_dim, args.query + Offset(shape, blocks, kv_head, first_token, row),
                          args.use_rope ? args.rope_cos + angles : nullptr, args.rope_sin + angles,
                          args.use_qk_norm, args.qk_norm_eps, prepared});
    const float factor = args.scale * kExponentsPerScore;
    queries->factors[row] = factor;
    if (args.cache.type != CacheType::kInt8) continue;
    float row_scale;
    kernels.quantize_query(prepared, shape.head_dim, blocks.row_stride,
                           queries->split + row * 2 * blocks.row_stride, &row_scale, queries->sums + 2 * row);
    queries->factors[row] = row_scale * factor;
  }
}

int64_t VisibleKeys(const AttentionArgs& args, const RowBlocks& blocks, const QueryRows& queries) {
  return args.position + queries.first_token + queries.rows / blocks.group;
}

int64_t FirstPartition(const AttentionArgs& args, int64_t token) {
  return FirstKey(args, token) / kAttentionPartition;
}

void AttendPartition(const AttentionArgs& args, const RowBlocks& blocks, const AttentionKernels& kernels,
                     const QueryRows& queries, int64_t partition, const CachePlace& next,
                     const SoftmaxState& result) {
  // Before the first row's window nothing is read. By whole vectors, which leaves every key in its lane.
  const int64_t end = (partition + 1) * kAttentionPartition;
  const int64_t first_key =
      std::max(partition * kAttentionPartition, FirstKey(args, queries.first_token) / 16 * 16);
  for (int64_t row = 0; row < queries.rows; ++row) {
    const int64_t token = queries.first_token + row / blocks.group;
    const int64_t seen = std::min(args.position + token + 1, end) - first_key;
    const int64_t hidden = std::max<int64_t>(0, FirstKey(args, token) - first_key);
    queries.valid[row] = hidden < seen ? seen : 0;
    queries.first[row] = hidden < seen ? hidden : 0;
  }
  ClearState(result, queries.rows);
  const CacheView view = ViewCache(args.cache, queries.kv_head, first_key);
  AttendArgs attend;
  attend.rows = queries.rows;
  attend.head_dim = args.shape.head_dim;
  attend.row_stride = blocks.row_stride;
  attend.valid = queries.valid;
  attend.first = queries.first;
  attend.queries = queries.floats;
  attend.split_queries = queries.split;
  attend.split_sums = queries.sums;
  attend.factors = queries.factors;
  attend.keys = view.keys;
  attend.values = view.values;
  attend.key_steps = view.key_steps;
  attend.value_steps = view.value_steps;
  const CacheView next_view = ViewCache(args.cache, next.kv_head, next.partition * kAttentionPartition);
  attend.next_keys = next_view.keys;
  attend.next_key_steps = next_view.key_steps;
  attend.scores = queries.scores;
  attend.weights = queries.weights;
  attend.maxima = result.maxima;
  attend.totals = result.totals;
  attend.outputs = result.outputs;
  kernels.attend[static_cast<int>(args.cache.type)](attend);
}

void MergePartition(const AttentionArgs& args, const RowBlocks& blocks, const AttentionKernels& kernels,
                    int64_t rows, const SoftmaxState& partition, const SoftmaxState& state) {
  for (int64_t row = 0; row < rows; ++row) {
    if (partition.totals[row] == 0.0f) continue;
    kernels.merge({args.shape.head_dim, partition.maxima + row, partition.totals + row,
                   partition.outputs + row * blocks.row_stride, state.maxima + row, state.totals + row,
                   state.outputs + row * blocks.row_stride});
  }
}

void WriteRows(const AttentionArgs& args, const RowBlocks& blocks, int64_t kv_head, int64_t first_token,
               int64_t rows, const SoftmaxState& state) {
  for (int64_t row = 0; row < rows; ++row) {
    const float* output = state.outputs + row * blocks.row_stride;
    float* out = args.out + Offset(args.shape, blocks, kv_head, first_token, row);
    for (int64_t d = 0; d < args.shape.head_dim; ++d) out[d] = output[d] / state.totals[row];
  }
}

}  // namespace mmoe
