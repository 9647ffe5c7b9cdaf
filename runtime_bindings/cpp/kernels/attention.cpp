#include "attention.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "arena.h"
#include "rope_qk_norm.h"

namespace mmoe {
namespace {

// Query rows (tokens times the heads that share a kv head) that one task carries over the cache together.
constexpr int64_t kTargetRows = 48;

// Tokens per task of the stage that fills the caches.
constexpr int64_t kKeyTokens = 64;

struct Plan {
  int64_t group;         // query heads per kv head
  int64_t block_tokens;  // tokens per task
  int64_t rows;          // most rows per task
  int64_t row_stride;    // head_dim rounded up to 16 floats
};

Plan MakePlan(const AttentionShape& shape) {
  Plan plan;
  plan.group = shape.num_heads / shape.num_kv_heads;
  plan.block_tokens = std::max<int64_t>(1, kTargetRows / plan.group);
  plan.block_tokens = std::max<int64_t>(1, std::min(plan.block_tokens, shape.num_tokens));
  plan.rows = plan.block_tokens * plan.group;
  plan.row_stride = (shape.head_dim + 15) / 16 * 16;
  return plan;
}

struct WorkerScratch {
  float* queries;
  float* outputs;
  float* weights;
  float* row_max;
  float* row_sum;
  int64_t* row_limits;
};

WorkerScratch TakeScratch(Arena& arena, const Plan& plan) {
  WorkerScratch scratch;
  scratch.queries = arena.Take<float>(plan.rows * plan.row_stride);
  scratch.outputs = arena.Take<float>(plan.rows * plan.row_stride);
  scratch.weights = arena.Take<float>(plan.rows * kAttentionBlock);
  scratch.row_max = arena.Take<float>(plan.rows);
  scratch.row_sum = arena.Take<float>(plan.rows);
  scratch.row_limits = arena.Take<int64_t>(plan.rows);
  return scratch;
}

size_t ScratchBytes(const Plan& plan) {
  Arena arena(nullptr);
  TakeScratch(arena, plan);
  return arena.used();
}

HeadPreparation HeadOptions(const AttentionArgs& args) {
  return {args.shape.head_dim, args.use_rope ? args.rope_cos : nullptr, args.rope_sin, args.use_qk_norm,
          args.qk_norm_eps};
}

void FillCaches(const AttentionArgs& args, const Parallel& parallel) {
  const AttentionShape& shape = args.shape;
  const int64_t blocks = (shape.num_tokens + kKeyTokens - 1) / kKeyTokens;
  ParallelFor(parallel, blocks, [&](int64_t block, int) {
    const int64_t end = std::min(shape.num_tokens, (block + 1) * kKeyTokens);
    for (int64_t token = block * kKeyTokens; token < end; ++token) {
      for (int64_t head = 0; head < shape.num_kv_heads; ++head) {
        const int64_t from = (token * shape.num_kv_heads + head) * shape.head_dim;
        const int64_t to = (head * shape.max_context_len + args.position + token) * shape.head_dim;
        PrepareHead(HeadOptions(args), token, args.key + from, args.key_cache + to);
        std::memcpy(args.value_cache + to, args.value + from,
                    static_cast<size_t>(shape.head_dim) * sizeof(float));
      }
    }
  });
}

void AttendBlock(const AttentionArgs& args, const Plan& plan, const KernelTable& kernels, int64_t kv_head,
                 int64_t first_token, const WorkerScratch& scratch) {
  const AttentionShape& shape = args.shape;
  const int64_t tokens = std::min(plan.block_tokens, shape.num_tokens - first_token);
  const int64_t rows = tokens * plan.group;
  std::memset(scratch.queries, 0, static_cast<size_t>(rows * plan.row_stride) * sizeof(float));
  std::memset(scratch.outputs, 0, static_cast<size_t>(rows * plan.row_stride) * sizeof(float));
  const auto offset = [&](int64_t row) {
    const int64_t head = kv_head * plan.group + row % plan.group;
    return ((first_token + row / plan.group) * shape.num_heads + head) * shape.head_dim;
  };
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t token = first_token + row / plan.group;
    PrepareHead(HeadOptions(args), token, args.query + offset(row), scratch.queries + row * plan.row_stride);
    scratch.row_max[row] = -std::numeric_limits<float>::infinity();
    scratch.row_sum[row] = 0.0f;
    scratch.row_limits[row] = args.position + token + 1;
  }
  AttendArgs attend = {rows,
                       shape.head_dim,
                       plan.row_stride,
                       0,
                       args.scale,
                       scratch.queries,
                       nullptr,
                       nullptr,
                       scratch.row_limits,
                       scratch.row_max,
                       scratch.row_sum,
                       scratch.weights,
                       scratch.outputs};
  const int64_t limit = args.position + first_token + tokens;
  for (int64_t key = 0; key < limit; key += kAttentionBlock) {
    const int64_t cache_offset = (kv_head * shape.max_context_len + key) * shape.head_dim;
    attend.first_key = key;
    attend.keys = args.key_cache + cache_offset;
    attend.values = args.value_cache + cache_offset;
    kernels.attend(attend);
  }
  for (int64_t row = 0; row < rows; ++row) {
    const float* output = scratch.outputs + row * plan.row_stride;
    float* out = args.out + offset(row);
    for (int64_t d = 0; d < shape.head_dim; ++d) out[d] = output[d] / scratch.row_sum[row];
  }
}

}  // namespace

const char* CheckAttention(const AttentionShape& shape, int64_t position) {
  if (shape.num_heads < 1 || shape.num_kv_heads < 1 || shape.num_heads % shape.num_kv_heads != 0) {
    return "the number of query heads must be a positive multiple of the number of kv heads";
  }
  if (shape.head_dim < 2 || shape.head_dim % 2 != 0) return "head_dim must be even and positive";
  if (position < 0) return "input_pos must not be negative";
  if (position > shape.max_context_len || shape.num_tokens > shape.max_context_len - position) {
    return "input_pos + number of tokens exceeds max_context_len, the length of the cache";
  }
  return nullptr;
}

size_t AttentionWorkspaceBytes(const AttentionShape& shape, int num_workers) {
  return ScratchBytes(MakePlan(shape)) * static_cast<size_t>(num_workers);
}

void Attention(const AttentionArgs& args, const KernelTable& kernels, const Parallel& parallel,
               void* workspace) {
  const AttentionShape& shape = args.shape;
  if (shape.num_tokens == 0) return;
  const Plan plan = MakePlan(shape);
  const size_t scratch_bytes = ScratchBytes(plan);
  FillCaches(args, parallel);
  const int64_t blocks = (shape.num_tokens + plan.block_tokens - 1) / plan.block_tokens;
  ParallelFor(parallel, blocks * shape.num_kv_heads, [&](int64_t task, int worker) {
    Arena arena(static_cast<char*>(workspace) + static_cast<size_t>(worker) * scratch_bytes);
    const WorkerScratch scratch = TakeScratch(arena, plan);
    // Later blocks see more keys: they start first, so that the threads finish together.
    const int64_t block = blocks - 1 - task / shape.num_kv_heads;
    AttendBlock(args, plan, kernels, task % shape.num_kv_heads, block * plan.block_tokens, scratch);
  });
}

}  // namespace mmoe
