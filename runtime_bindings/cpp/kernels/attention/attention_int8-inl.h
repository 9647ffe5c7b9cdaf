// One partition of int8 keys and values against some query rows, in integer dot products throughout: what
// meets the 8 bits of the cache, queries and softmax weights, has 14 bits, as two dot products of 7.

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

inline int32_t SumBytes(const int8_t* bytes, int64_t count) {
  const int8_t ones[4] = {1, 1, 1, 1};
  I32x16 sums = ZeroInts();
  for (int64_t i = 0; i < count; i += 64) {
    sums = DotUnsigned(sums, BroadcastFourBytes(ones), LoadBytes(bytes + i));
  }
  return ReduceAddInts(sums);
}

void QuantizeQuery(const float* x, int64_t head_dim, int8_t* high, int8_t* low, float* row_scale,
                   int32_t* sums) {
  const Quantizer quantizer = RowQuantizer(x, head_dim, 8191.0f);
  const int64_t padded = (head_dim + 63) / 64 * 64;
  for (int64_t d = 0; d < padded; d += 64) {
    F32x16 chunk[4];
    for (int j = 0; j < 4; ++j) {
      const int64_t at = d + 16 * j;
      chunk[j] = at < head_dim ? Scaled(Load(x + at), quantizer) : Broadcast(0.0f);
    }
    StoreSplit(chunk, high + d, low + d);
  }
  *row_scale = quantizer.row_scale;
  sums[0] = SumBytes(high, padded);
  sums[1] = SumBytes(low, padded);
}

// The small loops are unrolled by pragma, that is before GCC decides what lives in registers: left to itself
// it stored every accumulator in every step, 2.4 us instead of 1.6 us for 256 keys.

// Scores of rows row..row+kRows-1 for the 16 * kBlocks keys from `first` on, of which `count` exist.
template <int kRows, int kBlocks>
inline void ScoreInt8Tile(const AttendArgs& args, int64_t row, int64_t first, int64_t count) {
  const int64_t fours = (args.head_dim + 3) / 4;
  const int8_t* queries = args.split_queries + row * 2 * args.row_stride;
  const void* fetched = row == 0 ? args.values : args.keys;
  const int8_t* keys = static_cast<const int8_t*>(args.keys) + first / 16 * fours * 64;
  I32x16 high[kRows][kBlocks], low[kRows][kBlocks];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int b = 0; b < kBlocks; ++b) {
      high[r][b] = DotSignedStart(args.split_sums[2 * (row + r)]);
      low[r][b] = DotSignedStart(args.split_sums[2 * (row + r) + 1]);
    }
  }
  for (int64_t i = 0; i < fours; ++i) {
    I8x64 key[kBlocks];
#pragma GCC unroll 4
    for (int b = 0; b < kBlocks; ++b) {
      const int8_t* from = keys + (b * fours + i) * 64;
      key[b] = DotSignedLeft(LoadBytes(from));
      FetchNext(fetched, from - static_cast<const int8_t*>(args.keys));
    }
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      const int8_t* query = queries + r * 2 * args.row_stride + 4 * i;
      const I8x64 upper = BroadcastFourBytes(query), lower = BroadcastFourBytes(query + args.row_stride);
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) {
        high[r][b] = DotSigned(high[r][b], key[b], upper);
        low[r][b] = DotSigned(low[r][b], key[b], lower);
      }
    }
  }
#pragma GCC unroll 4
  for (int b = 0; b < kBlocks; ++b) {
    const F32x16 row_scales = LoadFirst(args.key_steps + first + 16 * b, count - 16 * b);
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      // At most 2048 * 127 * 8191 in magnitude: no overflow.
      const F32x16 product = ToFloat(JoinSplit(high[r][b], low[r][b]));
      Store(Mul(Mul(product, Broadcast(args.factors[row + r])), row_scales),
            args.scores + (row + r) * kAttentionPartition + first + 16 * b);
    }
  }
}

template <int kRows>
void ScoreInt8(const AttendArgs& args, int64_t row) {
  constexpr int kBlocks = kSixteenLaneRegisters >= 32 ? 2 : 1;
  const int64_t count = MostValid(args, row, kRows);
  int64_t key = 0;
  for (; key + 16 * kBlocks <= count; key += 16 * kBlocks) {
    ScoreInt8Tile<kRows, kBlocks>(args, row, key, count - key);
  }
  for (; key < count; key += 16) ScoreInt8Tile<kRows, 1>(args, row, key, count - key);
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
// for each. Rows side by side hide each other's latencies.
template <int kRows>
inline void QuantizeWeights(const AttendArgs& args, int64_t row, int64_t count, float* row_scales) {
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
    int8_t* high = args.weights + (row + r) * 2 * kAttentionPartition;
    for (int64_t k = 0; k < count; k += 64) {
      F32x16 chunk[4];
      for (int j = 0; j < 4; ++j) {
        const int64_t at = k + 16 * j;
        chunk[j] = at < weighed ? Mul(Load(weights + at), inverse) : Broadcast(0.0f);
      }
      StoreSplit(chunk, high + k, high + kAttentionPartition + k);
    }
  }
}

inline bool SeeTheSameKeys(const AttendArgs& args, int64_t row, int rows) {
  for (int r = 1; r < rows; ++r) {
    if (args.first[row + r] != args.first[row] || args.valid[row + r] != args.valid[row]) return false;
  }
  return true;
}

template <int kRows, int kBlocks>
inline void SumValuesInt8(const AttendArgs& args, int64_t row, int64_t d, int64_t count,
                          const float* row_scales) {
  const int64_t line = RoundUp16(args.head_dim) * 4;
  const void* fetched = row == 0 ? args.next_keys : args.values;
  const int8_t* values = static_cast<const int8_t*>(args.values) + d * 4;
  const int8_t* weights = args.weights + row * 2 * kAttentionPartition;
  I32x16 high[kRows][kBlocks], low[kRows][kBlocks];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int b = 0; b < kBlocks; ++b) high[r][b] = low[r][b] = ZeroInts();
  }
  for (int64_t key = 0; key < count; key += 4, values += line) {
    I8x64 value[kBlocks];
#pragma GCC unroll 4
    for (int b = 0; b < kBlocks; ++b) {
      value[b] = LoadBytes(values + 64 * b);
      FetchNext(fetched, values + 64 * b - static_cast<const int8_t*>(args.values));
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const int8_t* from = weights + r * 2 * kAttentionPartition + key;
      const I8x64 upper = BroadcastFourBytes(from), lower = BroadcastFourBytes(from + kAttentionPartition);
#pragma GCC unroll 4
      for (int b = 0; b < kBlocks; ++b) {
        high[r][b] = DotUnsigned(high[r][b], upper, value[b]);
        low[r][b] = DotUnsigned(low[r][b], lower, value[b]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int b = 0; b < kBlocks; ++b) {
      // At most 256 * 16383 * 128 in magnitude: no overflow.
      const F32x16 sum = Mul(ToFloat(JoinSplit(high[r][b], low[r][b])), Broadcast(row_scales[r]));
      Store(sum, args.outputs + (row + r) * args.row_stride + d + 16 * b);
    }
  }
}

template <int kRows>
void AttendInt8Rows(const AttendArgs& args, int64_t row) {
  const int64_t count = MostValid(args, row, kRows);
  if (count <= 0) return;
  float row_scales[kRows];
  if (kSixteenLaneRegisters >= 32 && SeeTheSameKeys(args, row, kRows)) {
    QuantizeWeights<kRows>(args, row, count, row_scales);
  } else {
    for (int r = 0; r < kRows; ++r) QuantizeWeights<1>(args, row + r, count, row_scales + r);
  }
  constexpr int kBlocks = kSixteenLaneRegisters >= 32 ? 4 : 1;
  int64_t d = 0;
  for (; d + 16 * kBlocks <= args.head_dim; d += 16 * kBlocks) {
    SumValuesInt8<kRows, kBlocks>(args, row, d, count, row_scales);
  }
  for (; d < args.head_dim; d += 16) SumValuesInt8<kRows, 1>(args, row, d, count, row_scales);
}

void AttendInt8(const AttendArgs& args) {
  int64_t row = 0;
  // Six rows by two blocks of keys, twice, are 24 accumulators.
  if constexpr (kSixteenLaneRegisters >= 32) {
    for (; row + 6 <= args.rows; row += 6) ScoreInt8<6>(args, row);
  }
  for (; row + 4 <= args.rows; row += 4) ScoreInt8<4>(args, row);
  for (; row + 3 <= args.rows; row += 3) ScoreInt8<3>(args, row);
  for (; row < args.rows; ++row) ScoreInt8<1>(args, row);
  // Three rows by four vectors of dimensions, twice, are 24 accumulators.
  for (row = 0; row + 3 <= args.rows; row += 3) AttendInt8Rows<3>(args, row);
  for (; row < args.rows; ++row) AttendInt8Rows<1>(args, row);
  // A partition with few keys, as the last one of a head often is, leaves most of the next keys to be fetched.
  const int64_t line = RoundUp16(args.head_dim) * 4, used = (MostValid(args, 0, args.rows) + 3) / 4 * line;
  for (int64_t byte = used; byte < kAttentionPartition / 4 * line; byte += 64) {
    FetchNext(args.next_keys, byte);
  }
}

}  // namespace
}  // namespace mmoe
