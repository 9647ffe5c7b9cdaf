// The softmax over one partition of keys, and how partitions are merged (flash-decoding: Dao et al., 2023).

#pragma once

#include "kernels/attention/attention_kernels.h"

namespace mmoe {
namespace {

// Called for what is at `offset` in one array while that is being used: what is there in `next` will be
// needed after the array, in a few microseconds. Without it decode waits for memory: 0.35 of its bandwidth.
inline void FetchNext(const void* next, int64_t offset) {
  __builtin_prefetch(static_cast<const char*>(next) + offset, 0, 2);
}

inline int64_t RoundUp16(int64_t count) { return (count + 15) / 16 * 16; }

inline int64_t MostValid(const AttendArgs& args, int64_t row, int rows) {
  int64_t most = 0;
  for (int r = 0; r < rows; ++r) most = args.valid[row + r] > most ? args.valid[row + r] : most;
  return most;
}

// The largest of scores[first..valid-1]; those before become minus infinity.
inline float LargestScore(float* scores, int64_t first, int64_t valid) {
  constexpr float kNegativeInfinity = -__builtin_inff();
  for (int64_t k = 0; k < first; ++k) scores[k] = kNegativeInfinity;
  F32x16 largest = Broadcast(kNegativeInfinity), others = largest;
  int64_t k = 0;
  for (; k + 32 <= valid; k += 32) {
    largest = Max(Load(scores + k), largest);
    others = Max(Load(scores + k + 16), others);
  }
  largest = Max(others, largest);
  for (; k + 16 <= valid; k += 16) largest = Max(Load(scores + k), largest);
  if (k < valid) largest = Max(KeepFirst(Load(scores + k), valid - k, kNegativeInfinity), largest);
  return ReduceMax(largest);
}

// 2^(score - maximum) of the first `count` of sixteen scores and zero for the others, which may be anything:
// Exp2 takes nothing above zero.
inline F32x16 Weigh(F32x16 scores, F32x16 maximum, int64_t count) {
  if (count >= 16) return Exp2(Sub(scores, maximum));
  const F32x16 counted = KeepFirst(scores, count, FirstLane(maximum));
  return KeepFirst(Exp2(Sub(counted, maximum)), count, 0.0f);
}

// A row's scores become 2^(score - maximum), zero for those before its window and up to the next multiple of 16.
inline void SoftmaxOfRow(const AttendArgs& args, int64_t row) {
  float* scores = args.scores + row * kAttentionPartition;
  const int64_t first = args.first[row], valid = args.valid[row];
  args.maxima[row] = LargestScore(scores, first, valid);
  const F32x16 maximum = Broadcast(args.maxima[row]);
  F32x16 sum = Broadcast(0.0f);
  for (int64_t k = 0; k < valid; k += 16) {
    const F32x16 weight = Weigh(Load(scores + k), maximum, valid - k);
    Store(weight, scores + k);
    sum = Add(sum, weight);
  }
  args.totals[row] = ReduceAdd(sum);
  // Exp2 is never quite zero; in a total that is at least 1 its least value is lost, in a weight it is not.
  for (int64_t k = 0; k < first; ++k) scores[k] = 0.0f;
}

void Merge(const MergeArgs& args) {
  if (*args.state_total == 0.0f) {
    *args.state_maximum = *args.maximum;
    *args.state_total = *args.total;
    for (int64_t d = 0; d < args.head_dim; d += 16) Store(Load(args.output + d), args.state_output + d);
    return;
  }
  const float maximum = *args.maximum > *args.state_maximum ? *args.maximum : *args.state_maximum;
  const F32x16 old_part = Exp2(Broadcast(*args.state_maximum - maximum));
  const F32x16 new_part = Exp2(Broadcast(*args.maximum - maximum));
  *args.state_maximum = maximum;
  *args.state_total = *args.state_total * FirstLane(old_part) + *args.total * FirstLane(new_part);
  for (int64_t d = 0; d < args.head_dim; d += 16) {
    const F32x16 sum = Add(Mul(Load(args.state_output + d), old_part), Mul(Load(args.output + d), new_part));
    Store(sum, args.state_output + d);
  }
}

}  // namespace
}  // namespace mmoe
