// What is fetched while a partition of int8 keys and values is attended to.

#pragma once

#include <algorithm>

#include "kernels/attention/attention_softmax-inl.h"

namespace mmoe {
namespace {

constexpr int64_t kLineBytes = 64;

// Lines of 64 bytes: sixteen keys with four dimensions each, or sixteen dimensions with four keys each.
struct Lines {
  const int8_t* first;
  int64_t stride;
  int64_t count;
};

// What is fetched while a partition is attended to: its values, then the next partition's keys. Evenly, because a
// core has only so many lines on their way and waits where it is asked for more: five lines beside every six of keys
// and of values, the rest beside the softmax.
class Ahead {
 public:
  // With `count` keys and values. Of a call's rows the first ones fetch: the others find everything in the caches.
  Ahead(const AttendArgs& args, int64_t count, bool fetches)
      : values_(static_cast<const int8_t*>(args.values)),
        next_keys_(static_cast<const int8_t*>(args.next_keys)),
        per_sixteen_keys_(fetches ? Share((args.head_dim + 3) / 4) : 0),
        per_sixteen_dimensions_(fetches ? Share((count + 3) / 4) : 0) {
    if (!fetches) return;
    const int64_t vectors = RoundUp16(args.head_dim) / 16;
    values_lines_ = (count + 3) / 4 * vectors;
    fetched_values_ = std::min(values_lines_, per_sixteen_keys_ * ((count + 15) / 16));
    first_of_sums_ = kAttentionPartition / 4 * vectors - per_sixteen_dimensions_ * vectors;
  }

  // Lines that are fetched one by one beside others.
  struct Beside {
    const int8_t* first;
    int64_t count;

    // Inlined early, or GCC drops the call: it takes a function that only fetches for one without effect.
    __attribute__((always_inline)) void Fetch(int64_t i) const {
      if (i < count) FetchNext(first, i * kLineBytes);
    }
  };

  Beside BesideKeys(int64_t key) const {
    return {values_ + key / 16 * per_sixteen_keys_ * kLineBytes, per_sixteen_keys_};
  }
  Beside BesideValues(int64_t d) const {
    return {next_keys_ + (first_of_sums_ + d / 16 * per_sixteen_dimensions_) * kLineBytes,
            per_sixteen_dimensions_};
  }

  // Of the values, and of the next keys: a line for sixteen.
  __attribute__((always_inline)) void FetchScales(const AttendArgs& args, int64_t key) const {
    if (per_sixteen_keys_ == 0) return;
    FetchNext(args.value_steps, key * int64_t{sizeof(float)});
    FetchNext(args.next_key_steps, key * int64_t{sizeof(float)});
  }

  // What is left for the softmax, step by step.
  int64_t PerStep(int64_t steps) const {
    const int64_t left = values_lines_ - fetched_values_ + first_of_sums_;
    return steps > 0 ? (left + steps - 1) / steps : 0;
  }
  void FetchStep(int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      if (fetched_values_ < values_lines_) {
        FetchNext(values_, fetched_values_++ * kLineBytes);
      } else if (fetched_keys_ < first_of_sums_) {
        FetchNext(next_keys_, fetched_keys_++ * kLineBytes);
      }
    }
  }

 private:
  static int64_t Share(int64_t lines) { return lines * 5 / 6; }

  const int8_t* values_;
  const int8_t* next_keys_;
  int64_t per_sixteen_keys_, per_sixteen_dimensions_;
  int64_t values_lines_ = 0, fetched_values_ = 0;
  int64_t first_of_sums_ = 0, fetched_keys_ = 0;
};

}  // namespace
}  // namespace mmoe
