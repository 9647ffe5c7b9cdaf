// Bounds of memory, as in moe_ffn_test.cpp: caches of exactly the documented sizes that end right after the
// last token, and the same bits from every instruction set, thread count and way of splitting the work.

#include "kernels/attention/attention.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "capi/thread_parallel.h"
#include "kernels/arena.h"
#include "kernels/isa/isa.h"

namespace mmoe {
namespace {

int64_t RoundUp(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }

std::vector<float> Normal(std::mt19937& random, int64_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

struct Memory {
  Memory(CacheType type, const AttentionShape& shape) {
    const int64_t heads = shape.num_kv_heads, context = shape.max_context_len, head_dim = shape.head_dim;
    int64_t key_bytes = heads * context * head_dim * (type == CacheType::kFloat32 ? 4 : 2);
    int64_t value_bytes = key_bytes;
    if (type == CacheType::kInt8) {
      key_bytes = heads * RoundUp(context, 16) * RoundUp(head_dim, 4);
      value_bytes = heads * RoundUp(context, 4) * RoundUp(head_dim, 16);
      key_steps.assign(static_cast<size_t>(heads * context), 0.01f);
      value_steps = key_steps;
    }
    // A small positive number in every format.
    keys.assign(static_cast<size_t>(key_bytes), 0x2c);
    values.assign(static_cast<size_t>(value_bytes), 0x2c);
    cache = {type,        heads,         context,          head_dim,
             keys.data(), values.data(), key_steps.data(), value_steps.data()};
  }

  std::vector<char> keys, values;
  std::vector<float> key_steps, value_steps;
  KvCache cache;
};

// Made once for a shape, not for every table: under an emulator random numbers take their time.
struct Inputs {
  explicit Inputs(const AttentionShape& shape)
      : query(Normal(random, shape.num_tokens * shape.num_heads * shape.head_dim)),
        key(Normal(random, shape.num_tokens * shape.num_kv_heads * shape.head_dim)),
        value(Normal(random, shape.num_tokens * shape.num_kv_heads * shape.head_dim)),
        angles(Normal(random, shape.num_tokens * shape.head_dim / 2)) {}

  std::mt19937 random{1};
  std::vector<float> query, key, value, angles;
};

// The last tokens of the context.
std::vector<float> RunAttention(CacheType type, const AttentionShape& shape, const Inputs& inputs,
                                const KernelTable& kernels, int workers) {
  const Memory memory(type, shape);
  std::vector<float> out(inputs.query.size());
  const std::unique_ptr<void, decltype(&std::free)> scratch(
      std::aligned_alloc(Arena::kAlignment, AttentionWorkspaceBytes(shape, workers)), &std::free);
  ThreadParallel pool(workers);
  Attention({shape, inputs.query.data(), inputs.key.data(), inputs.value.data(), inputs.angles.data(),
             inputs.angles.data(), memory.cache, out.data(), shape.max_context_len - shape.num_tokens, true,
             true, 1e-5f, 0.2f},
            kernels, pool.parallel(), scratch.get());
  return out;
}

class AttentionOf : public testing::TestWithParam<std::tuple<CacheType, AttentionShape>> {};

TEST_P(AttentionOf, StaysInItsArraysAndGivesTheSameBitsEverywhere) {
  const char* error = nullptr;
  const KernelTable* portable = FindKernels("portable", &error);
  const auto& [type, shape] = GetParam();
  ASSERT_EQ(CheckAttention(shape, shape.max_context_len - shape.num_tokens), nullptr);
  const Inputs inputs(shape);
  const std::vector<float> expected = RunAttention(type, shape, inputs, *portable, 1);
  for (const KernelTable* kernels : SupportedKernels()) {
    for (const int workers : {1, 3}) {
      if (kernels == portable && workers == 1) continue;  // is `expected`
      EXPECT_EQ(RunAttention(type, shape, inputs, *kernels, workers), expected)
          << kernels->name << ", " << workers << " workers";
    }
  }
}

std::string NameOf(const testing::TestParamInfo<AttentionOf::ParamType>& info) {
  const auto& [type, shape] = info.param;
  const char* cache = type == CacheType::kFloat32   ? "float32"
                      : type == CacheType::kFloat16 ? "float16"
                                                    : "int8";
  std::string name = cache;
  for (const int64_t size : {shape.num_tokens, shape.num_heads, shape.num_kv_heads, shape.head_dim,
                             shape.max_context_len, shape.window}) {
    name += "_" + std::to_string(size);
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Attention, AttentionOf,
    testing::Combine(testing::Values(CacheType::kFloat32, CacheType::kFloat16, CacheType::kInt8),
                     testing::Values(AttentionShape{1, 3, 1, 64, 1}, AttentionShape{1, 4, 4, 64, 130},
                                     AttentionShape{1, 12, 4, 64, 1031}, AttentionShape{1, 4, 2, 8, 17000},
                                     AttentionShape{2, 5, 1, 2, 258}, AttentionShape{5, 6, 2, 20, 69},
                                     AttentionShape{17, 4, 2, 40, 300}, AttentionShape{130, 2, 1, 34, 131},
                                     AttentionShape{3, 2, 2, 128, 257}, AttentionShape{5, 6, 2, 20, 256, 100},
                                     AttentionShape{130, 12, 4, 64, 512, 300},
                                     AttentionShape{1, 12, 4, 64, 1024, 512}, AttentionShape{0, 2, 2, 8, 4})),
    NameOf);

TEST(Attention, ScratchIsBounded) {
  const AttentionShape prefill = {128, 12, 4, 64, 1024}, long_prefill = {4096, 12, 4, 64, 1 << 20};
  EXPECT_EQ(AttentionWorkspaceBytes(prefill, 2), AttentionWorkspaceBytes(long_prefill, 2));
  const AttentionShape decode = {1, 12, 4, 64, 1 << 14}, deep_decode = {1, 12, 4, 64, 1 << 24};
  EXPECT_EQ(AttentionWorkspaceBytes(decode, 2), AttentionWorkspaceBytes(deep_decode, 2));
  EXPECT_LT(AttentionWorkspaceBytes(deep_decode, 2), size_t{1} << 19);
}

}  // namespace
}  // namespace mmoe
