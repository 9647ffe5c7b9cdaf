// What meets an int8 cache becomes integers: keys and values of 8 bits with a scale for each row, queries and softmax
// weights of 14.

#pragma once

#include "kernels/attention/attention_softmax-inl.h"

namespace mmoe {
namespace {

// What turns values of up to `largest` into integers of up to `levels`.
struct Quantizer {
  float row_scale;
  float inverse;
  bool representable;
};

// All zero (or so small that the inverse overflows) quantises to zeros with scale 0; what is not finite gives
// a scale that is not a number, so that it reaches the result instead of silently saturating.
inline Quantizer MakeQuantizer(I32x16 magnitude_bits, float levels) {
  constexpr float kLargestFloat = 3.402823466e38f;
  const float largest = LargestMagnitude(magnitude_bits);
  const float inverse = levels / largest;
  const bool finite = largest <= kLargestFloat;
  if (finite && inverse <= kLargestFloat) return {largest / levels, inverse, true};
  return {finite ? 0.0f : largest - largest, 0.0f, false};
}

inline F32x16 Scaled(F32x16 value, const Quantizer& quantizer) {
  return quantizer.representable ? Mul(value, Broadcast(quantizer.inverse)) : Broadcast(0.0f);
}

inline Quantizer RowQuantizer(const float* x, int64_t head_dim, float levels) {
  I32x16 largest = ZeroInts();
  for (int64_t d = 0; d < head_dim; d += 16) largest = MaxMagnitudeBits(largest, Load(x + d));
  return MakeQuantizer(largest, levels);
}

void QuantizeRow(const float* x, int64_t head_dim, int8_t* out, float* row_scale) {
  const Quantizer quantizer = RowQuantizer(x, head_dim, 127.0f);
  for (int64_t d = 0; d < head_dim; d += 64) {
    F32x16 chunk[4];
    for (int j = 0; j < 4; ++j) {
      const int64_t at = d + 16 * j;
      chunk[j] = at < head_dim ? Scaled(Load(x + at), quantizer) : Broadcast(0.0f);
    }
    StoreInt8(chunk, out + d, ZeroInts());
  }
  *row_scale = quantizer.row_scale;
}

// A query row to integers of 14 bits, as StoreInt14 lays them out.
inline void QuantizeInt14(const float* x, int64_t head_dim, int64_t row_stride, int8_t* out,
                          float* row_scale) {
  const Quantizer quantizer = RowQuantizer(x, head_dim, 8191.0f);
  for (int64_t d = 0; d < row_stride; d += 64) {
    F32x16 chunk[4];
    for (int j = 0; j < 4; ++j) {
      const int64_t at = d + 16 * j;
      chunk[j] = at < head_dim ? Scaled(Load(x + at), quantizer) : Broadcast(0.0f);
    }
    StoreInt14(chunk, out, row_stride, d);
  }
  *row_scale = quantizer.row_scale;
}

// Scores k..k+15 of a row become 2^(score - maximum), which go to the sum, times the scales of the values,
// whose magnitudes go to the largest. Of the sixteen, `begin`..`end`-1 count.
inline void WeighSixteen(float* scores, const float* value_steps, F32x16 maximum, int64_t begin, int64_t end,
                         F32x16* sum, I32x16* largest) {
  F32x16 weight = Weigh(Load(scores), maximum, end);
  if (begin > 0) {
    Store(weight, scores);
    for (int64_t k = 0; k < begin && k < 16; ++k) scores[k] = 0.0f;
    weight = Load(scores);
  }
  *sum = Add(*sum, weight);
  weight = Mul(weight, end < 16 ? LoadFirst(value_steps, end) : Load(value_steps));
  *largest = MaxMagnitudeBits(*largest, weight);
  Store(weight, scores);
}

// The scores of rows that see the same keys become weights of 14 bits with the values' scales in them;
// row_scales[r] is the weights' own. Weights from the last key up to `count` are zero. Softmax, row_scales and the
// largest weight in one pass over the scores: a token behind 8,192 keys takes 3 to 10 % less than with a pass
// for each. Rows side by side hide each other's latencies. beside() runs once for every sixteen keys.
template <int kRows, class Beside>
inline void QuantizeWeights(const AttendArgs& args, int64_t row, int64_t count, float* row_scales,
                            const Beside& beside) {
  const int64_t first = args.first[row], valid = args.valid[row] < 0 ? 0 : args.valid[row];
  float* scores = args.scores + row * kAttentionPartition;
  F32x16 maxima[kRows], sums[kRows];
  I32x16 largest[kRows];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    maxima[r] = sums[r] = Broadcast(0.0f);
    largest[r] = ZeroInts();
    if (valid > 0) {
      args.maxima[row + r] = LargestScore(scores + r * kAttentionPartition, first, valid);
      maxima[r] = Broadcast(args.maxima[row + r]);
    }
  }
  for (int64_t k = 0; k < valid; k += 16) {
    beside();
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      WeighSixteen(scores + r * kAttentionPartition + k, args.value_steps + k, maxima[r], first - k,
                   valid - k, &sums[r], &largest[r]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    if (valid > 0) args.totals[row + r] = ReduceAdd(sums[r]);
    const Quantizer quantizer = MakeQuantizer(largest[r], 16383.0f);
    row_scales[r] = quantizer.row_scale;
    const F32x16 inverse = Broadcast(quantizer.inverse);
    const int64_t weighed = quantizer.representable ? valid : 0;
    const float* weights = scores + r * kAttentionPartition;
    int8_t* integers = args.weights + (row + r) * 2 * kAttentionPartition;
    for (int64_t k = 0; k < count; k += 64) {
      F32x16 chunk[4];
      for (int j = 0; j < 4; ++j) {
        const int64_t at = k + 16 * j;
        chunk[j] = at < weighed ? Mul(Load(weights + at), inverse) : Broadcast(0.0f);
      }
      StoreInt14(chunk, integers, kAttentionPartition, k);
    }
  }
}

}  // namespace
}  // namespace mmoe
