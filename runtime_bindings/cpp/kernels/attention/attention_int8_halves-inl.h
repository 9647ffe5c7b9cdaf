// One partition of int8 keys and values against some query rows, in integer dot products throughout: what
// meets the 8 bits of the cache, queries and softmax weights, has 14 bits, as two dot products of 7.

#include "kernels/attention/quantize_attention-inl.h"

namespace mmoe {
namespace {

inline int32_t SumBytes(const int8_t* bytes, int64_t count) {
  const int8_t ones[4] = {1, 1, 1, 1};
  I32x16 sums = ZeroInts();
  for (int64_t i = 0; i < count; i += 64) {
    sums = DotUnsigned(sums, BroadcastFourBytes(ones), LoadBytes(bytes + i));
  }
  return ReduceAddInts(sums);
}

void QuantizeQuery(const float* x, int64_t head_dim, int64_t row_stride, int8_t* out, float* row_scale,
                   int32_t* sums) {
  QuantizeInt14(x, head_dim, row_stride, out, row_scale);
  sums[0] = SumBytes(out, row_stride);
  sums[1] = SumBytes(out + row_stride, row_stride);
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
    QuantizeWeights<kRows>(args, row, count, row_scales, [] {});
  } else {
    for (int r = 0; r < kRows; ++r) QuantizeWeights<1>(args, row + r, count, row_scales + r, [] {});
  }
  constexpr int kBlocks = kSixteenLaneRegisters >= 32 ? 4 : 1;
  int64_t d = 0;
  for (; d + 16 * kBlocks <= args.head_dim; d += 16 * kBlocks) {
    SumValuesInt8<kRows, kBlocks>(args, row, d, count, row_scales);
  }
  for (; d < args.head_dim; d += 16) SumValuesInt8<kRows, 1>(args, row, d, count, row_scales);
}

// A partition with few keys, as the last one of a head often is, leaves most of the next keys to be fetched.
inline void FetchRest(const AttendArgs& args) {
  const int64_t line = RoundUp16(args.head_dim) * 4, used = (MostValid(args, 0, args.rows) + 3) / 4 * line;
  for (int64_t byte = used; byte < kAttentionPartition / 4 * line; byte += 64) {
    FetchNext(args.next_keys, byte);
  }
}

void AttendInt8(const AttendArgs& args) {
  int64_t row = 0;
  // Six rows by two blocks of keys, twice, are 24 accumulators; so are three rows by a block of four registers.
  if constexpr (kSixteenLaneRegisters >= 32) {
    for (; row + 6 <= args.rows; row += 6) ScoreInt8<6>(args, row);
    for (; row + 4 <= args.rows; row += 4) ScoreInt8<4>(args, row);
  }
  for (; row + 3 <= args.rows; row += 3) ScoreInt8<3>(args, row);
  for (; row < args.rows; ++row) ScoreInt8<1>(args, row);
  // Three rows by four vectors of dimensions, twice, are 24 accumulators.
  for (row = 0; row + 3 <= args.rows; row += 3) AttendInt8Rows<3>(args, row);
  for (; row < args.rows; ++row) AttendInt8Rows<1>(args, row);
  FetchRest(args);
}

}  // namespace
}  // namespace mmoe
