#include "kernels/attention/kv_cache.h"

#include <cstring>

namespace mmoe {
namespace {

constexpr int64_t kKeyBlock = 16;   // positions that are interleaved in int8 keys
constexpr int64_t kValueBlock = 4;  // and in int8 values

int64_t Blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// Bytes of a block of int8 keys or values.
int64_t KeyBlockBytes(const KvCache& cache) { return Blocks(cache.head_dim, 4) * 4 * kKeyBlock; }
int64_t ValueBlockBytes(const KvCache& cache) { return Blocks(cache.head_dim, 16) * 16 * kValueBlock; }

int8_t* KeyBlock(const KvCache& cache, int64_t kv_head, int64_t row) {
  const int64_t block = kv_head * Blocks(cache.rows, kKeyBlock) + row / kKeyBlock;
  return static_cast<int8_t*>(cache.keys) + block * KeyBlockBytes(cache);
}
int8_t* ValueBlock(const KvCache& cache, int64_t kv_head, int64_t row) {
  const int64_t block = kv_head * Blocks(cache.rows, kValueBlock) + row / kValueBlock;
  return static_cast<int8_t*>(cache.values) + block * ValueBlockBytes(cache);
}

int64_t ElementBytes(CacheType type) { return type == CacheType::kFloat32 ? 4 : 2; }

void StoreFloat16(const AttentionKernels& kernels, const float* x, int64_t head_dim, void* scratch,
                  void* to) {
  kernels.to_float16(x, Blocks(head_dim, 16) * 16, static_cast<uint16_t*>(scratch));
  std::memcpy(to, scratch, static_cast<size_t>(head_dim) * sizeof(uint16_t));
}

}  // namespace

CacheView ViewCache(const KvCache& cache, int64_t kv_head, int64_t position) {
  const int64_t place = position % cache.rows, row = kv_head * cache.rows + place;
  if (cache.type == CacheType::kInt8) {
    return {KeyBlock(cache, kv_head, place), ValueBlock(cache, kv_head, place), cache.key_steps + row,
            cache.value_steps + row};
  }
  const int64_t offset = row * cache.head_dim * ElementBytes(cache.type);
  return {static_cast<const char*>(cache.keys) + offset, static_cast<const char*>(cache.values) + offset,
          nullptr, nullptr};
}

void StoreRow(const KvCache& cache, const AttentionKernels& kernels, int64_t kv_head, int64_t position,
              const float* key, const float* value, void* bytes) {
  const int64_t place = position % cache.rows, head_dim = cache.head_dim;
  const int64_t row = kv_head * cache.rows + place;
  const int64_t offset = row * head_dim * ElementBytes(cache.type);
  switch (cache.type) {
    case CacheType::kFloat32: {
      const size_t size = static_cast<size_t>(head_dim) * sizeof(float);
      std::memcpy(static_cast<char*>(cache.keys) + offset, key, size);
      std::memcpy(static_cast<char*>(cache.values) + offset, value, size);
      return;
    }
    case CacheType::kFloat16:
      StoreFloat16(kernels, key, head_dim, bytes, static_cast<char*>(cache.keys) + offset);
      StoreFloat16(kernels, value, head_dim, bytes, static_cast<char*>(cache.values) + offset);
      return;
    case CacheType::kInt8: {
      int8_t* integers = static_cast<int8_t*>(bytes);
      kernels.quantize_row(key, head_dim, integers, cache.key_steps + row);
      int8_t* to = KeyBlock(cache, kv_head, place) + place % kKeyBlock * 4;
      for (int64_t d = 0; d < head_dim; d += 4) std::memcpy(to + d * kKeyBlock, integers + d, 4);
      kernels.quantize_row(value, head_dim, integers, cache.value_steps + row);
      to = ValueBlock(cache, kv_head, place) + place % kValueBlock;
      for (int64_t d = 0; d < head_dim; ++d) to[d * kValueBlock] = integers[d];
      return;
    }
  }
}

}  // namespace mmoe
