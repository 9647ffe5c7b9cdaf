// One partition of float32 or float16 keys and values against some query rows.

#include "kernels/attention/attention_softmax-inl.h"

namespace mmoe {
namespace {

inline F32x16 LoadCached(const float* from, int64_t count) { return LoadFirst(from, count); }
inline F32x16 LoadCached(const uint16_t* from, int64_t count) {
  if (count >= 16) return LoadFloat16(from);
  uint16_t padded[16] = {};
  std::memcpy(padded, from, static_cast<size_t>(count) * sizeof *from);
  return LoadFloat16(padded);
}

// scores of rows row..row+kRows-1 for keys 0..count-1, 16 dot products at a time; up to 16 / kRows - 1 scores
// more are written.
template <int kRows, class T>
inline void ScoreRows(const AttendArgs& args, int64_t row, int64_t count) {
  constexpr int kKeys = 16 / kRows;
  const int64_t head_dim = args.head_dim;
  const float* queries = args.queries + row * args.row_stride;
  for (int64_t first = 0; first < count; first += kKeys) {
    const T* keys[kKeys];  // those from `count` on may not exist
    for (int k = 0; k < kKeys; ++k) {
      const int64_t key = first + k < count ? first + k : count - 1;
      keys[k] = static_cast<const T*>(args.keys) + key * head_dim;
    }
    F32x16 products[16];
    for (int i = 0; i < 16; ++i) products[i] = Broadcast(0.0f);
    for (int64_t d = 0; d < head_dim; d += 16) {
      F32x16 query[kRows];
      for (int r = 0; r < kRows; ++r) query[r] = Load(queries + r * args.row_stride + d);
      for (int k = 0; k < kKeys; ++k) {
        const F32x16 key = LoadCached(keys[k] + d, head_dim - d);
        if (row == 0)
          FetchNext(args.values,
                    reinterpret_cast<const char*>(keys[k] + d) - static_cast<const char*>(args.keys));
        for (int r = 0; r < kRows; ++r) {
          products[r * kKeys + k] = Add(products[r * kKeys + k], Mul(query[r], key));
        }
      }
    }
    float tile[16];
    Store(ReduceAddRows(products), tile);
    for (int r = 0; r < kRows; ++r) {
      float* scores = args.scores + (row + r) * kAttentionPartition + first;
      for (int k = 0; k < kKeys; ++k) scores[k] = tile[r * kKeys + k] * args.factors[row + r];
    }
  }
}

// outputs[r] += the weighted values of keys first..last-1, in order, in dimensions d..d+16*kBlocks-1.
template <int kRows, int kBlocks, class T>
inline void AddValueBlocks(const AttendArgs& args, int64_t row, int64_t d, int64_t first, int64_t last) {
  const int64_t head_dim = args.head_dim;
  float* outputs = args.outputs + row * args.row_stride + d;
  const float* weights = args.scores + row * kAttentionPartition;
  F32x16 sums[kRows][kBlocks];
  for (int r = 0; r < kRows; ++r) {
    for (int b = 0; b < kBlocks; ++b) sums[r][b] = Load(outputs + r * args.row_stride + 16 * b);
  }
  for (int64_t key = first; key < last; ++key) {
    const T* values = static_cast<const T*>(args.values) + key * head_dim + d;
    for (int b = 0; b < kBlocks; ++b) {
      const F32x16 value = LoadCached(values + 16 * b, head_dim - d - 16 * b);
      if (row == 0)
        FetchNext(args.next_keys,
                  reinterpret_cast<const char*>(values + 16 * b) - static_cast<const char*>(args.values));
      for (int r = 0; r < kRows; ++r) {
        sums[r][b] = Add(sums[r][b], Mul(Broadcast(weights[r * kAttentionPartition + key]), value));
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int b = 0; b < kBlocks; ++b) Store(sums[r][b], outputs + r * args.row_stride + 16 * b);
  }
}

template <int kRows, class T>
inline void AddValues(const AttendArgs& args, int64_t row, int64_t first, int64_t last) {
  if (first >= last) return;
  constexpr int kBlocks = kSixteenLaneRegisters >= 32 ? 4 : 1;
  int64_t d = 0;
  for (; d + 16 * kBlocks <= args.head_dim; d += 16 * kBlocks) {
    AddValueBlocks<kRows, kBlocks, T>(args, row, d, first, last);
  }
  for (; d < args.head_dim; d += 16) AddValueBlocks<kRows, 1, T>(args, row, d, first, last);
}

// Some rows together over the keys that they all see, so that one load of a key or a value serves them all,
// then each row alone over the rest: its sums run over its own keys in order, whatever its neighbours see.
template <int kRows, class T>
inline void AttendRows(const AttendArgs& args, int64_t row) {
  const int64_t most = MostValid(args, row, kRows);
  if (most <= 0) return;
  constexpr int kScoreRows = kRows == 3 ? 1 : kRows;
  for (int r = 0; r < kRows; r += kScoreRows) ScoreRows<kScoreRows, T>(args, row + r, most);
  int64_t first = 0, common = most;  // the keys that all rows see
  for (int64_t r = row; r < row + kRows; ++r) {
    const int64_t valid = args.valid[r];
    common = valid < common ? valid : common;
    first = args.first[r] > first ? args.first[r] : first;
    for (int64_t d = 0; d < args.head_dim; d += 16)
      Store(Broadcast(0.0f), args.outputs + r * args.row_stride + d);
    if (valid > 0) SoftmaxOfRow(args, r);
  }
  if (common < first) common = first;
  for (int64_t r = row; r < row + kRows; ++r) {
    AddValues<1, T>(args, r, args.first[r], args.valid[r] < first ? args.valid[r] : first);
  }
  AddValues<kRows, T>(args, row, first, common);
  for (int64_t r = row; r < row + kRows; ++r) AddValues<1, T>(args, r, common, args.valid[r]);
}

template <class T>
void AttendFloat(const AttendArgs& args) {
  int64_t row = 0;
  for (; row + 4 <= args.rows; row += 4) AttendRows<4, T>(args, row);
  switch (args.rows - row) {
    case 3:
      return AttendRows<3, T>(args, row);
    case 2:
      return AttendRows<2, T>(args, row);
    case 1:
      return AttendRows<1, T>(args, row);
    default:
      return;
  }
}

}  // namespace
}  // namespace mmoe
