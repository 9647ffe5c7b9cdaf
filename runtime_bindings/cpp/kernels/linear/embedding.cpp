#include "kernels/linear/embedding.h"

#include "kernels/panel.h"
#include "kernels/simd/float16.h"

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

// Row `row` of the table: one column of its panel.
void DequantizeColumn(const uint8_t* weight, const uint16_t* scale, int64_t hidden, int64_t row, float* out) {
  const int64_t panel = row / kPanelOutputs, column = row % kPanelOutputs;
  const int shift = column < 16 ? 0 : 4;
  const uint8_t* from = weight + panel * PanelBytes(hidden) + column % 16 * kPanelBlockInputs;
  const uint16_t* factors = scale + panel * hidden + column;
  for (int64_t i = 0; i < hidden; ++i) {
    const int nibble = from[i / kPanelBlockInputs * kPanelBlockBytes + i % kPanelBlockInputs] >> shift & 15;
    const float factor = Float16ToFloat(factors[i / kGroupSize * kPanelOutputs]);
    out[i] = static_cast<float>(nibble - kWeightOffset) * factor;
  }
}

}  // namespace

void Embedding(const uint8_t* qweight, const uint16_t* scale, int64_t hidden, const int64_t* indices,
               int64_t count, const Parallel& parallel, float* out) {
  ParallelForBlocks(parallel, count, kTokensPerTask, [&](int64_t t, int) {
    const int64_t row = indices[t];
    DequantizeRow(qweight + row * (hidden / 2), scale + row * (hidden / kGroupSize), hidden,
                  out + t * hidden);
  });
}

void EmbeddingPanels(const uint8_t* weight, const uint16_t* scale, int64_t hidden, const int64_t* indices,
                     int64_t count, const Parallel& parallel, float* out) {
  ParallelForBlocks(parallel, count, kTokensPerTask, [&](int64_t t, int) {
    DequantizeColumn(weight, scale, hidden, indices[t], out + t * hidden);
  });
}

}  // namespace mmoe
