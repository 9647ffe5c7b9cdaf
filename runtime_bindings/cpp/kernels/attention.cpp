#include "attention.h"

#include <algorithm>
#include <cstring>

#include "arena.h"
#include "query_rows.h"

namespace mmoe {
namespace {

// Tokens per task of the stage that fills the caches.
constexpr int64_t kKeyTokens = 64;

// With fewer blocks of rows than this per thread, threads share the partitions of the cache instead.
constexpr int64_t kBlocksPerWorker = 4;

// Tasks that the partitions of a round make for each thread, so that a slow one can be helped.
constexpr int64_t kTasksPerWorker = 8;

// Partitions whose results wait for their merge at a time.
constexpr int64_t kMaxPartitionsPerRound = 64;

// Sums of int8 times 14 bits fit 32 bits up to here.
constexpr int64_t kMaxHeadDim = 2048;

int64_t Blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// One worker's scratch: for the rows that fill the caches, then for query rows.
struct WorkerScratch {
  float* key;
  float* value;
  uint16_t* converted;
  QueryRows queries;
  SoftmaxState partition;
  SoftmaxState state;
};

WorkerScratch TakeScratch(Arena& arena, const RowBlocks& blocks) {
  WorkerScratch scratch;
  scratch.key = arena.Take<float>(blocks.row_stride);
  scratch.value = arena.Take<float>(blocks.row_stride);
  scratch.converted = arena.Take<uint16_t>(blocks.row_stride);
  scratch.queries = TakeQueryRows(arena, blocks);
  scratch.partition = TakeState(arena, blocks);
  scratch.state = TakeState(arena, blocks);
  return scratch;
}

// A call's work and its scratch.
struct Run {
  const AttentionArgs& args;
  const AttentionKernels& kernels;
  const Parallel& parallel;
  RowBlocks blocks;
  char* workspace;
  size_t scratch_bytes;

  WorkerScratch ScratchOf(int worker) const {
    Arena arena(workspace + static_cast<size_t>(worker) * scratch_bytes);
    return TakeScratch(arena, blocks);
  }
};

size_t ScratchBytes(const RowBlocks& blocks) {
  Arena arena(nullptr);
  TakeScratch(arena, blocks);
  return arena.used();
}

// Whether one block of tokens, whose rows are too few to keep the threads busy, is split over the cache.
bool SplitsCache(const AttentionShape& shape, const RowBlocks& blocks, int num_workers) {
  return num_workers > 1 && blocks.tokens >= shape.num_tokens &&
         shape.num_kv_heads < kBlocksPerWorker * num_workers;
}

int64_t PartitionsPerRound(const AttentionShape& shape) {
  return std::min(Blocks(shape.max_context_len, kAttentionPartition), kMaxPartitionsPerRound);
}

void FillCaches(const Run& run) {
  const AttentionArgs& args = run.args;
  const int64_t heads = args.shape.num_kv_heads, head_dim = args.shape.head_dim;
  ParallelFor(run.parallel, Blocks(args.shape.num_tokens, kKeyTokens), [&](int64_t block, int worker) {
    const WorkerScratch scratch = run.ScratchOf(worker);
    std::fill(scratch.value, scratch.value + run.blocks.row_stride, 0.0f);
    const int64_t end = std::min(args.shape.num_tokens, (block + 1) * kKeyTokens);
    for (int64_t token = block * kKeyTokens; token < end; ++token) {
      const int64_t angles = token * (head_dim / 2);
      for (int64_t head = 0; head < heads; ++head) {
        const int64_t from = (token * heads + head) * head_dim;
        run.kernels.prepare_head({head_dim, args.key + from, args.use_rope ? args.rope_cos + angles : nullptr,
                                  args.rope_sin + angles, args.use_qk_norm, args.qk_norm_eps, scratch.key});
        std::memcpy(scratch.value, args.value + from, static_cast<size_t>(head_dim) * sizeof(float));
        StoreRow(args.cache, run.kernels, head, args.position + token, scratch.key, scratch.value,
                 scratch.converted);
      }
    }
  });
}

// A task is a block of rows and a kv head, over all of the cache that they see.
void AttendByBlocks(const Run& run) {
  const AttentionShape& shape = run.args.shape;
  const int64_t blocks = Blocks(shape.num_tokens, run.blocks.tokens);
  ParallelFor(run.parallel, blocks * shape.num_kv_heads, [&](int64_t task, int worker) {
    WorkerScratch scratch = run.ScratchOf(worker);
    // Later blocks see more keys: they start first, so that the threads finish together.
    const int64_t block = blocks - 1 - task / shape.num_kv_heads, kv_head = task % shape.num_kv_heads;
    QueryRows& queries = scratch.queries;
    PrepareQueries(run.args, run.blocks, run.kernels, kv_head, block * run.blocks.tokens, &queries);
    ClearState(scratch.state, queries.rows);
    const int64_t partitions = Blocks(VisibleKeys(run.args, run.blocks, queries), kAttentionPartition);
    for (int64_t partition = FirstPartition(run.args, queries.first_token); partition < partitions;
         ++partition) {
      AttendPartition(run.args, run.blocks, run.kernels, queries, partition, scratch.partition);
      MergePartition(run.args, run.blocks, run.kernels, queries.rows, scratch.partition, scratch.state);
    }
    WriteRows(run.args, run.blocks, kv_head, queries.first_token, queries.rows, scratch.state);
  });
}

// A task is a kv head and one partition of the cache, for all rows; their results are merged in the order of
// the cache, as above, so that both ways give the same bits.
void AttendByPartitions(const Run& run, Arena& arena) {
  const AttentionShape& shape = run.args.shape;
  const int64_t heads = shape.num_kv_heads, rows = shape.num_tokens * run.blocks.group;
  const int64_t round = PartitionsPerRound(shape);
  const RowBlocks all = {run.blocks.group, run.blocks.tokens, run.blocks.rows * heads, run.blocks.row_stride};
  const auto of_head = [&](const SoftmaxState& state, int64_t head) -> SoftmaxState {
    const int64_t row = head * run.blocks.rows;
    return {state.maxima + row, state.totals + row, state.outputs + row * run.blocks.row_stride};
  };
  const SoftmaxState state = TakeState(arena, all);
  SoftmaxState results[kMaxPartitionsPerRound];
  for (int64_t i = 0; i < round; ++i) results[i] = TakeState(arena, all);
  ClearState(state, all.rows);
  const int64_t partitions = Blocks(run.args.position + shape.num_tokens, kAttentionPartition);
  for (int64_t first = FirstPartition(run.args, 0); first < partitions; first += round) {
    const int64_t count = std::min(round, partitions - first);
    // Neighbours in one task, since each fetches the next one's keys.
    const int64_t per_task =
        std::max<int64_t>(1, count * heads / (kTasksPerWorker * run.parallel.num_workers));
    const int64_t tasks = Blocks(count, per_task);
    ParallelFor(run.parallel, tasks * heads, [&](int64_t task, int worker) {
      WorkerScratch scratch = run.ScratchOf(worker);
      const int64_t head = task / tasks, begin = task % tasks * per_task;
      PrepareQueries(run.args, run.blocks, run.kernels, head, 0, &scratch.queries);
      for (int64_t partition = begin; partition < std::min(count, begin + per_task); ++partition) {
        AttendPartition(run.args, run.blocks, run.kernels, scratch.queries, first + partition,
                        of_head(results[partition], head));
      }
    });
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t head = 0; head < heads; ++head) {
        MergePartition(run.args, run.blocks, run.kernels, rows, of_head(results[i], head),
                       of_head(state, head));
      }
    }
  }
  for (int64_t head = 0; head < heads; ++head)
    WriteRows(run.args, run.blocks, head, 0, rows, of_head(state, head));
}

}  // namespace

const char* CheckAttention(const AttentionShape& shape, int64_t position) {
  if (shape.num_heads < 1 || shape.num_kv_heads < 1 || shape.num_heads % shape.num_kv_heads != 0) {
    return "the number of query heads must be a positive multiple of the number of kv heads";
  }
  if (shape.head_dim < 2 || shape.head_dim % 2 != 0) return "head_dim must be even and positive";
  if (shape.head_dim > kMaxHeadDim) return "head_dim must be at most 2048";
  if (position < 0) return "input_pos must not be negative";
  if (position > shape.max_context_len || shape.num_tokens > shape.max_context_len - position) {
    return "input_pos + number of tokens exceeds max_context_len, the length of the cache";
  }
  if (shape.window < 0) return "the window must not be negative";
  return nullptr;
}

const char* CheckCacheRows(const AttentionShape& shape, int64_t position, int64_t rows) {
  if (shape.window == 0) {
    return rows == shape.max_context_len ? nullptr : "without a window the caches need max_context_len rows";
  }
  if (rows < 1 || rows % kAttentionPartition != 0) return "a window's caches need a multiple of 256 rows";
  return position + shape.num_tokens <= rows || shape.window + shape.num_tokens - 1 <= rows
             ? nullptr
             : "the caches have too few rows for the window of this many tokens";
}

size_t AttentionWorkspaceBytes(const AttentionShape& shape, int num_workers) {
  RowBlocks blocks = CutRows(shape);
  const size_t workers = ScratchBytes(blocks) * static_cast<size_t>(num_workers);
  if (!SplitsCache(shape, blocks, num_workers)) return workers;
  Arena arena(nullptr);
  blocks.rows *= shape.num_kv_heads;
  for (int64_t i = 0; i <= PartitionsPerRound(shape); ++i) TakeState(arena, blocks);
  return workers + arena.used();
}

void Attention(const AttentionArgs& args, const KernelTable& kernels, const Parallel& parallel,
               void* workspace) {
  if (args.shape.num_tokens == 0) return;
  const RowBlocks blocks = CutRows(args.shape);
  const Run run = {
      args, kernels.attention, parallel, blocks, static_cast<char*>(workspace), ScratchBytes(blocks)};
  FillCaches(run);
  if (!SplitsCache(args.shape, blocks, parallel.num_workers)) return AttendByBlocks(run);
  Arena arena(run.workspace + run.scratch_bytes * static_cast<size_t>(parallel.num_workers));
  AttendByPartitions(run, arena);
}

}  // namespace mmoe
