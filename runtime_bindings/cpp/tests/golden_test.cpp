// One number per kernel that every instruction set of every architecture must give: tests elsewhere compare
// the sets of one machine, this one compares machines. A change of the arithmetic changes the constants, on purpose.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "capi/thread_parallel.h"
#include "kernels/arena.h"
#include "kernels/attention/attention.h"
#include "kernels/isa/isa.h"
#include "kernels/moe/moe_ffn.h"

namespace mmoe {
namespace {

// Numerical Recipes' linear congruential generator: no library decides what the inputs are.
class Random {
 public:
  uint32_t Next() { return state_ = state_ * 1664525u + 1013904223u; }

  std::vector<float> Floats(int64_t count) {  // in [-1, 1)
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(Next() >> 8) / 8388608.0f - 1.0f;
    return values;
  }
  std::vector<uint8_t> Bytes(int64_t count) {
    std::vector<uint8_t> values(static_cast<size_t>(count));
    for (uint8_t& value : values) value = static_cast<uint8_t>(Next() >> 24);
    return values;
  }
  std::vector<uint16_t> Scales(int64_t count) {  // float16 in [2^-6, 2^-4)
    std::vector<uint16_t> values(static_cast<size_t>(count));
    for (uint16_t& value : values) value = static_cast<uint16_t>(0x2400 + (Next() >> 21));
    return values;
  }
  // Far apart: powers of two from 1 to 2^-23 times values in [-1, 1).
  std::vector<float> SpreadFloats(int64_t count) {
    std::vector<float> values = Floats(count);
    for (float& value : values) value = std::ldexp(value, -static_cast<int>((Next() >> 16) % 24));
    return values;
  }
  // Any that a checkpoint may hold, from zero through the subnormals to the largest.
  std::vector<uint16_t> SpreadScales(int64_t count) {
    std::vector<uint16_t> values(static_cast<size_t>(count));
    for (uint16_t& value : values) value = static_cast<uint16_t>((Next() >> 16) % 0x7c00);
    return values;
  }

 private:
  uint32_t state_ = 1;
};

// FNV-1a over the bits.
uint64_t Hash(const std::vector<float>& values) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const float value : values) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    for (int byte = 0; byte < 4; ++byte) hash = (hash ^ (bits >> (8 * byte) & 255)) * 0x100000001b3u;
  }
  return hash;
}

std::vector<float> RunMoeFfn(const MoeFfnShape& shape, bool spread, const KernelTable& kernels) {
  Random random;
  const auto floats = [&](int64_t count) {
    return spread ? random.SpreadFloats(count) : random.Floats(count);
  };
  const auto scales = [&](int64_t count) {
    return spread ? random.SpreadScales(count) : random.Scales(count);
  };
  const int64_t h = shape.hidden_size, e = shape.num_experts, f = shape.intermediate_size;
  const std::vector<float> x = floats(shape.num_tokens * h), router = random.Floats(e * h);
  const std::vector<float> bias = random.Floats(e);
  const std::vector<uint8_t> gate_up = random.Bytes(e * f * h), down = random.Bytes(e * f * h / 2);
  const std::vector<uint16_t> gate_up_scale = scales(e * f * h / 16);
  const std::vector<uint16_t> down_scale = scales(e * f * h / 32);
  std::vector<float> out(x.size());
  const std::unique_ptr<void, decltype(&std::free)> scratch(
      std::aligned_alloc(Arena::kAlignment, MoeFfnWorkspaceBytes(shape, kernels, 2)), &std::free);
  ThreadParallel pool(2);
  MoeFfn({shape,
          {true, 2.5f},
          x.data(),
          router.data(),
          bias.data(),
          gate_up.data(),
          gate_up_scale.data(),
          down.data(),
          down_scale.data(),
          out.data()},
         kernels, pool.parallel(), scratch.get());
  return out;
}

// All tokens of a context of 70, so that the last ones see more than one block of keys.
std::vector<float> RunAttention(CacheType type, const KernelTable& kernels) {
  const AttentionShape shape = {70, 6, 2, 32, 70};
  Random random;
  const int64_t q = shape.num_tokens * shape.num_heads * shape.head_dim, kv = q / 3;
  const std::vector<float> query = random.Floats(q), key = random.Floats(kv), value = random.Floats(kv);
  const std::vector<float> angles = random.Floats(shape.num_tokens * shape.head_dim / 2);
  std::vector<float> keys(static_cast<size_t>(2 * kv)), values(keys), key_steps(keys), value_steps(keys);
  const KvCache cache = {type,        shape.num_kv_heads, shape.max_context_len, shape.head_dim,
                         keys.data(), values.data(),      key_steps.data(),      value_steps.data()};
  std::vector<float> out(query.size());
  const std::unique_ptr<void, decltype(&std::free)> scratch(
      std::aligned_alloc(Arena::kAlignment, AttentionWorkspaceBytes(shape, 2)), &std::free);
  ThreadParallel pool(2);
  Attention({shape, query.data(), key.data(), value.data(), angles.data(), angles.data(), cache, out.data(),
             0, true, true, 1e-5f, 0.2f},
            kernels, pool.parallel(), scratch.get());
  return out;
}

TEST(Golden, AttentionHasTheSameBitsOnEveryMachine) {
  for (const KernelTable* kernels : SupportedKernels()) {
    EXPECT_EQ(Hash(RunAttention(CacheType::kFloat32, *kernels)), 10683047845048131978u) << kernels->name;
    EXPECT_EQ(Hash(RunAttention(CacheType::kFloat16, *kernels)), 3922814992122855208u) << kernels->name;
    EXPECT_EQ(Hash(RunAttention(CacheType::kInt8, *kernels)), 11417310497356886197u) << kernels->name;
  }
}

TEST(Golden, MoeFfnHasTheSameBitsOnEveryMachine) {
  for (const KernelTable* kernels : SupportedKernels()) {
    EXPECT_EQ(Hash(RunMoeFfn({40, 96, 5, 112, 3}, false, *kernels)), 14504196947452000743u) << kernels->name;
  }
}

TEST(Golden, MoeFfnOfScalesFarApartHasTheSameBitsOnEveryMachine) {
  for (const KernelTable* kernels : SupportedKernels()) {
    EXPECT_EQ(Hash(RunMoeFfn({40, 96, 5, 112, 3}, true, *kernels)), 8627453638385819799u) << kernels->name;
  }
}

TEST(Golden, RmsNormHasTheSameBitsOnEveryMachine) {
  Random random;
  const std::vector<float> x = random.Floats(768), weight = random.Floats(768);
  for (const KernelTable* kernels : SupportedKernels()) {
    std::vector<float> out(x.size());
    kernels->rms_norm(x.data(), weight.data(), 768, 1e-5f, out.data());
    EXPECT_EQ(Hash(out), 15752752760202926064u) << kernels->name;
  }
}

}  // namespace
}  // namespace mmoe
