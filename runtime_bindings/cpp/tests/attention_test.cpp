// Bounds of memory, as in moe_ffn_test.cpp: caches that end right after the last token.

#include "attention.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "arena.h"
#include "isa.h"
#include "thread_parallel.h"

namespace mmoe {
namespace {

std::vector<float> Normal(std::mt19937& random, int64_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

std::vector<float> RunAttention(const AttentionShape& shape, const KernelTable& kernels, int workers) {
  std::mt19937 random(1);
  const int64_t q = shape.num_tokens * shape.num_heads * shape.head_dim;
  const int64_t kv = shape.num_tokens * shape.num_kv_heads * shape.head_dim;
  const std::vector<float> query = Normal(random, q), key = Normal(random, kv), value = Normal(random, kv);
  const std::vector<float> angles = Normal(random, shape.num_tokens * shape.head_dim / 2);
  const int64_t cache = shape.num_kv_heads * shape.max_context_len * shape.head_dim;
  std::vector<float> key_cache = Normal(random, cache), value_cache = Normal(random, cache);
  std::vector<float> out(query.size());
  const std::unique_ptr<void, decltype(&std::free)> scratch(
      std::aligned_alloc(Arena::kAlignment, AttentionWorkspaceBytes(shape, workers)), &std::free);
  ThreadParallel pool(workers);
  Attention(
      {shape, query.data(), key.data(), value.data(), angles.data(), angles.data(), key_cache.data(),
       value_cache.data(), out.data(), shape.max_context_len - shape.num_tokens, true, true, 1e-5f, 0.2f},
      kernels, pool.parallel(), scratch.get());
  return out;
}

TEST(Attention, StaysInItsArraysAndGivesTheSameBitsEverywhere) {
  const char* error = nullptr;
  const KernelTable* portable = FindKernels("portable", &error);
  for (const AttentionShape& shape : {AttentionShape{1, 3, 1, 64, 1},
                                      {1, 4, 4, 64, 130},
                                      {5, 6, 2, 20, 69},
                                      {130, 2, 1, 34, 131},
                                      {0, 2, 2, 8, 4}}) {
    ASSERT_EQ(CheckAttention(shape, shape.max_context_len - shape.num_tokens), nullptr);
    const std::vector<float> expected = RunAttention(shape, *portable, 1);
    for (const KernelTable* kernels : SupportedKernels()) {
      EXPECT_EQ(RunAttention(shape, *kernels, 1), expected) << kernels->name;
      EXPECT_EQ(RunAttention(shape, *kernels, 3), expected) << kernels->name;
    }
  }
}

TEST(Attention, ScratchDoesNotGrowWithTheContext) {
  const AttentionShape small = {128, 12, 4, 64, 1024}, large = {4096, 12, 4, 64, 1 << 20};
  EXPECT_EQ(AttentionWorkspaceBytes(small, 2), AttentionWorkspaceBytes(large, 2));
}

}  // namespace
}  // namespace mmoe
