// One block of keys and values against some query rows: scores, running softmax, weighted values.

#include "attention.h"

namespace mmoe {
namespace {

// The scores of one query row against the first `valid` keys of the block, scaled; lanes beyond are
// unspecified.
inline void ScoreRow(const float* query, const float* keys, int64_t valid, int64_t head_dim, float scale,
                     F32x16* scores) {
  for (int64_t first = 0; first < valid; first += 16) {
    F32x16 products[16];
    for (int64_t k = 0; k < 16; ++k) {
      products[k] = Broadcast(0.0f);
      if (first + k >= valid) continue;
      const float* key = keys + (first + k) * head_dim;
      int64_t d = 0;
      for (; d + 16 <= head_dim; d += 16) products[k] = Add(products[k], Mul(Load(query + d), Load(key + d)));
      if (d < head_dim) {
        products[k] = Add(products[k], Mul(Load(query + d), LoadFirst(key + d, head_dim - d)));
      }
    }
    scores[first / 16] = Mul(ReduceAddRows(products), Broadcast(scale));
  }
}

// outputs[r] += sum over keys first..last-1, in order, of weights[r][key] * values[key], for kRows rows at
// once.
template <int kRows>
inline void AddValues(const AttendArgs& args, int64_t row, int64_t first, int64_t last) {
  const int64_t head_dim = args.head_dim;
  for (int64_t d = 0; d < head_dim; d += 16) {
    F32x16 sums[kRows];
    for (int r = 0; r < kRows; ++r) sums[r] = Load(args.outputs + (row + r) * args.row_stride + d);
    for (int64_t key = first; key < last; ++key) {
      const float* from = args.values + key * head_dim + d;
      const F32x16 value = d + 16 <= head_dim ? Load(from) : LoadFirst(from, head_dim - d);
      for (int r = 0; r < kRows; ++r) {
        const F32x16 weight = Broadcast(args.weights[(row + r) * kAttentionBlock + key]);
        sums[r] = Add(sums[r], Mul(weight, value));
      }
    }
    for (int r = 0; r < kRows; ++r) Store(sums[r], args.outputs + (row + r) * args.row_stride + d);
  }
}

inline int64_t ValidKeys(const AttendArgs& args, int64_t row) {
  const int64_t valid = args.row_limits[row] - args.first_key;
  return valid < 0 ? 0 : valid < kAttentionBlock ? valid : kAttentionBlock;
}

// Weights of one row for this block; its running maximum, sum and output are brought to the new maximum.
inline void SoftmaxRow(const AttendArgs& args, int64_t row, int64_t valid) {
  constexpr float kNegativeInfinity = -__builtin_inff();
  F32x16 scores[kAttentionBlock / 16];
  ScoreRow(args.queries + row * args.row_stride, args.keys, valid, args.head_dim, args.scale, scores);
  float maximum = args.row_max[row];
  for (int64_t first = 0; first < valid; first += 16) {
    const float block_max = ReduceMax(KeepFirst(scores[first / 16], valid - first, kNegativeInfinity));
    maximum = block_max > maximum ? block_max : maximum;
  }
  F32x16 sum = Broadcast(0.0f);
  for (int64_t first = 0; first < valid; first += 16) {
    const F32x16 weight = KeepFirst(Exp(Sub(scores[first / 16], Broadcast(maximum))), valid - first, 0.0f);
    Store(weight, args.weights + row * kAttentionBlock + first);
    sum = Add(sum, weight);
  }
  const float correction = FirstLane(Exp(Broadcast(args.row_max[row] - maximum)));
  args.row_sum[row] = args.row_sum[row] * correction + ReduceAdd(sum);
  if (correction != 1.0f) {
    float* output = args.outputs + row * args.row_stride;
    for (int64_t d = 0; d < args.head_dim; d += 16)
      Store(Mul(Load(output + d), Broadcast(correction)), output + d);
  }
  args.row_max[row] = maximum;
}

// Rows go four at a time over the keys they all see (one load of a value serves four rows), then one at a
// time over the rest: each row's sum runs over its own keys in order, whatever its neighbours are.
void Attend(const AttendArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    const int64_t valid = ValidKeys(args, row);
    if (valid > 0) SoftmaxRow(args, row, valid);
  }
  constexpr int kGroup = 4;
  int64_t row = 0;
  for (; row + kGroup <= args.rows; row += kGroup) {
    int64_t common = kAttentionBlock;
    for (int r = 0; r < kGroup; ++r) {
      const int64_t valid = ValidKeys(args, row + r);
      common = valid < common ? valid : common;
    }
    AddValues<kGroup>(args, row, 0, common);
    for (int r = 0; r < kGroup; ++r) AddValues<1>(args, row + r, common, ValidKeys(args, row + r));
  }
  for (; row < args.rows; ++row) AddValues<1>(args, row, 0, ValidKeys(args, row));
}

}  // namespace
}  // namespace mmoe
