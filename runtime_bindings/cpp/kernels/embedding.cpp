#include "embedding.h"

#include <algorithm>

#include "float16.h"

namespace mmoe {
namespace {

constexpr int64_t kGroupSize = 32;
constexpr int64_t kTokensPerTask = 32;

// Two's complement nibble 0..15 -> -8..7.
inline int SignExtend(int nibble) { return (nibble ^ 8) - 8; }

void DequantizeRow(const uint8_t* qweight, const uint16_t* scale, int64_t hidden, float* out) {
  for (int64_t group = 0; group < hidden / kGroupSize; ++group) {
    const float factor = Float16ToFloat(scale[group]);
    for (int64_t i = group * kGroupSize / 2; i < (group + 1) * kGroupSize / 2; ++i) {
      out[2 * i] = static_cast<float>(SignExtend(qweight[i] & 15)) * factor;
      out[2 * i + 1] = static_cast<float>(SignExtend(qweight[i] >> 4)) * factor;
    }
  }
}

}  // namespace

void Embedding(const uint8_t* qweight, const uint16_t* scale, int64_t hidden, const int64_t* indices,
               int64_t count, const Parallel& parallel, float* out) {
  const int64_t tasks = (count + kTokensPerTask - 1) / kTokensPerTask;
  ParallelFor(parallel, tasks, [&](int64_t task, int) {
    const int64_t end = std::min(count, (task + 1) * kTokensPerTask);
    for (int64_t t = task * kTokensPerTask; t < end; ++t) {
      const int64_t row = indices[t];
      DequantizeRow(qweight + row * (hidden / 2), scale + row * (hidden / kGroupSize), hidden,
                    out + t * hidden);
    }
  });
}

}  // namespace mmoe
