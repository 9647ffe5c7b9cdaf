#include "kernels/attention/attention.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>

#include "kernels/arena.h"
#include "kernels/attention/query_rows.h"

namespace mmoe {
namespace {

// Tokens per task of the stage that fills the caches.
constexpr int64_t kKeyTokens = 64;

// With fewer blocks of rows than this per thread, threads share the partitions of the cache instead.
constexpr int64_t kBlocksPerWorker = 4;

// Partitions whose results wait for their merge at a time.
constexpr int64_t kMaxPartitionsPerRound = 64;

constexpr int64_t kMaxContextLen = INT32_MAX;

// Sums of int8 times 14 bits fit 32 bits up to here.
constexpr int64_t kMaxHeadDim = 2048;

int64_t Blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// One worker's scratch: for the rows that fill the caches, then for query rows.
struct WorkerScratch {
  float* key;
  float* value;
  uint16_t* converted;
  QueryRows queries;
  QueryRows* prepared;  // what stays of them from task to task
  SoftmaxState partition;
  SoftmaxState state;
};

WorkerScratch TakeScratch(Arena& arena, const RowBlocks& blocks) {
  WorkerScratch scratch;
  scratch.key = arena.Take<float>(blocks.row_stride);
  scratch.value = arena.Take<float>(blocks.row_stride);
  scratch.converted = arena.Take<uint16_t>(blocks.row_stride);
  scratch.queries = TakeQueryRows(arena, blocks);
  scratch.prepared = arena.Take<QueryRows>(1);
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

// Keys and values of tokens begin..end-1 of one kv head go to the caches.
void FillHead(const Run& run, const WorkerScratch& scratch, int64_t head, int64_t begin, int64_t end) {
  const AttentionArgs& args = run.args;
  const int64_t heads = args.shape.num_kv_heads, head_dim = args.shape.head_dim;
  std::fill(scratch.value, scratch.value + run.blocks.row_stride, 0.0f);
  for (int64_t token = begin; token < end; ++token) {
    const int64_t angles = token * (head_dim / 2), from = (token * heads + head) * head_dim;
    run.kernels.prepare_head({head_dim, args.key + from, args.use_rope ? args.rope_cos + angles : nullptr,
                              args.rope_sin + angles, args.use_qk_norm, args.qk_norm_eps, scratch.key});
    std::memcpy(scratch.value, args.value + from, static_cast<size_t>(head_dim) * sizeof(float));
    StoreRow(args.cache, run.kernels, head, args.position + token, scratch.key, scratch.value,
             scratch.converted);
  }
}

void FillCaches(const Run& run) {
  const AttentionShape& shape = run.args.shape;
  ParallelFor(run.parallel, Blocks(shape.num_tokens, kKeyTokens), [&](int64_t block, int worker) {
    const int64_t begin = block * kKeyTokens, end = std::min(shape.num_tokens, begin + kKeyTokens);
    for (int64_t head = 0; head < shape.num_kv_heads; ++head) {
      FillHead(run, run.ScratchOf(worker), head, begin, end);
    }
  });
}

// The new tokens of one partition, by its own task: nobody else reads that part of the caches, except for
// rings, where it is also the end of an earlier partition.
void FillPartition(const Run& run, const WorkerScratch& scratch, int64_t head, int64_t partition) {
  const int64_t first = partition * kAttentionPartition - run.args.position;
  FillHead(run, scratch, head, std::max<int64_t>(0, first),
           std::min(run.args.shape.num_tokens, first + kAttentionPartition));
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
      AttendPartition(run.args, run.blocks, run.kernels, queries, partition,
                      {kv_head, std::min(partition + 1, partitions - 1)}, scratch.partition);
      MergePartition(run.args, run.blocks, run.kernels, queries.rows, scratch.partition, scratch.state);
    }
    WriteRows(run.args, run.blocks, kv_head, queries.first_token, queries.rows, scratch.state);
  });
}

// The scratch of AttendByPartitions, for heads behind each other.
struct PartitionScratch {
  SoftmaxState state;
  SoftmaxState results[kMaxPartitionsPerRound];
  std::atomic<int64_t>* open;  // [heads], partitions of the round that are not attended to yet
};

SoftmaxState OfHead(const SoftmaxState& all, const RowBlocks& blocks, int64_t head) {
  const int64_t row = head * blocks.rows;
  return {all.maxima + row, all.totals + row, all.outputs + row * blocks.row_stride};
}

PartitionScratch TakePartitionScratch(Arena& arena, const AttentionShape& shape, RowBlocks blocks) {
  PartitionScratch scratch;
  blocks.rows *= shape.num_kv_heads;
  scratch.state = TakeState(arena, blocks);
  for (int64_t i = 0; i < PartitionsPerRound(shape); ++i) scratch.results[i] = TakeState(arena, blocks);
  scratch.open = arena.Take<std::atomic<int64_t>>(shape.num_kv_heads);
  return scratch;
}

// The partitions of one round, for all heads and rows. A pool gives a thread neighbouring tasks as long as it
// can: so a worker's queries are prepared once for each head that it meets, and a task has the next one's
// keys fetched. Whoever finishes a head's last partition merges them in the order of the cache, as above, so
// that both ways give the same bits.
void AttendRound(const Run& run, const PartitionScratch& scratch, int64_t first, int64_t count, bool last) {
  const int64_t tasks = run.args.shape.num_kv_heads * count;
  const bool fills = run.args.shape.window == 0;
  for (int64_t head = 0; head < run.args.shape.num_kv_heads; ++head) {
    new (scratch.open + head) std::atomic<int64_t>(count);
  }
  for (int worker = 0; worker < run.parallel.num_workers; ++worker) {
    const WorkerScratch worker_scratch = run.ScratchOf(worker);
    *worker_scratch.prepared = worker_scratch.queries;
    worker_scratch.prepared->kv_head = -1;
  }
  ParallelFor(run.parallel, tasks, [&](int64_t task, int worker) {
    const int64_t head = task / count, next = std::min(task + 1, tasks - 1);
    const WorkerScratch worker_scratch = run.ScratchOf(worker);
    QueryRows& queries = *worker_scratch.prepared;
    if (queries.kv_head != head) PrepareQueries(run.args, run.blocks, run.kernels, head, 0, &queries);
    if (fills) FillPartition(run, worker_scratch, head, first + task % count);
    AttendPartition(run.args, run.blocks, run.kernels, queries, first + task % count,
                    {next / count, first + next % count},
                    OfHead(scratch.results[task % count], run.blocks, head));
    if (scratch.open[head].fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    const SoftmaxState state = OfHead(scratch.state, run.blocks, head);
    for (int64_t i = 0; i < count; ++i) {
      MergePartition(run.args, run.blocks, run.kernels, queries.rows,
                     OfHead(scratch.results[i], run.blocks, head), state);
    }
    if (last) WriteRows(run.args, run.blocks, head, 0, queries.rows, state);
  });
}

void AttendByPartitions(const Run& run, Arena& arena) {
  const AttentionShape& shape = run.args.shape;
  const PartitionScratch scratch = TakePartitionScratch(arena, shape, run.blocks);
  if (shape.window > 0) FillCaches(run);
  ClearState(scratch.state, shape.num_kv_heads * run.blocks.rows);
  const int64_t partitions = Blocks(run.args.position + shape.num_tokens, kAttentionPartition);
  for (int64_t first = FirstPartition(run.args, 0); first < partitions; first += PartitionsPerRound(shape)) {
    const int64_t count = std::min(PartitionsPerRound(shape), partitions - first);
    AttendRound(run, scratch, first, count, first + count == partitions);
  }
}

}  // namespace

const char* CheckAttention(const AttentionShape& shape, int64_t position) {
  if (shape.num_heads < 1 || shape.num_kv_heads < 1 || shape.num_heads % shape.num_kv_heads != 0) {
    return "the number of query heads must be a positive multiple of the number of kv heads";
  }
  if (shape.head_dim < 2 || shape.head_dim % 2 != 0) return "head_dim must be even and positive";
  if (shape.head_dim > kMaxHeadDim) return "head_dim must be at most 2048";
  if (shape.max_context_len > kMaxContextLen || shape.window > kMaxContextLen) {
    return "max_context_len and the window must be below 2^31";
  }
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
  const RowBlocks blocks = CutRows(shape);
  const size_t workers = ScratchBytes(blocks) * static_cast<size_t>(num_workers);
  if (!SplitsCache(shape, blocks, num_workers)) return workers;
  Arena arena(nullptr);
  TakePartitionScratch(arena, shape, blocks);
  return workers + arena.used();
}

void Attention(const AttentionArgs& args, const KernelTable& kernels, const Parallel& parallel,
               void* workspace) {
  if (args.shape.num_tokens == 0) return;
  const RowBlocks blocks = CutRows(args.shape);
  const Run run = {
      args, kernels.attention, parallel, blocks, static_cast<char*>(workspace), ScratchBytes(blocks)};
  if (!SplitsCache(args.shape, blocks, parallel.num_workers)) {
    FillCaches(run);
    return AttendByBlocks(run);
  }
  Arena arena(run.workspace + run.scratch_bytes * static_cast<size_t>(parallel.num_workers));
  AttendByPartitions(run, arena);
}

}  // namespace mmoe
