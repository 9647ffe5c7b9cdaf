// One partition of int8 keys and values against some query rows, in integer dot products throughout: what
// meets the 8 bits of the cache, queries and softmax weights, has 14 bits and is multiplied as int16. The
// bytes of the cache are widened to int16 once for many rows, and then vpmaddwd and an addition are 16
// multiply-adds; two halves of 7 bits would take two vpmaddubsw with what widens their sums for 32.

#include <algorithm>
#include <type_traits>

#include "kernels/attention/quantize_attention-inl.h"

namespace mmoe {
namespace {

void QuantizeQuery(const float* x, int64_t head_dim, int64_t row_stride, int8_t* out, float* row_scale,
                   int32_t*) {
  QuantizeInt14(x, head_dim, row_stride, out, row_scale);
}

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

// Lines that are widened at a time; so those of a partition's values, and of keys of up to 256 dimensions.
constexpr int64_t kMaxWidened = kAttentionPartition / 4;

// Rows that share what is widened, and in a tile, whose 12 accumulators leave 4 registers.
constexpr int64_t kSharingRows = 48;
constexpr int kTileRows = 6;

// A line as int16: bytes 0 and 2 of every four, then 1 and 3, which is the order of StoreInt14.
struct WideLine {
  __m256i even[2];
  __m256i odd[2];
};

inline WideLine Widen(const int8_t* line) {
  WideLine wide;
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line + 32 * half));
    wide.even[half] = _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8);
    wide.odd[half] = _mm256_srai_epi16(bytes, 8);
  }
  return wide;
}

inline __m256i BroadcastPair(const int8_t* from) {
  int32_t pair;
  std::memcpy(&pair, from, sizeof pair);
  return _mm256_set1_epi32(pair);
}

template <int kRows>
inline void AddPairs(const int8_t* rows, int64_t row_bytes, const __m256i* bytes, I32x16* sums) {
  const __m256i low = bytes[0], high = bytes[1];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
    __m256i pair = BroadcastPair(rows + r * row_bytes);
    // These keep GCC from adding all products last, which takes more registers than there are.
    asm volatile("" : "+x"(pair));
    sums[r].low = _mm256_add_epi32(sums[r].low, _mm256_madd_epi16(low, pair));
    sums[r].high = _mm256_add_epi32(sums[r].high, _mm256_madd_epi16(high, pair));
    asm volatile("" : "+x"(sums[r].low), "+x"(sums[r].high));
  }
}

// sums[r] = row r times the lines; `widened` has them already, or is nullptr.
template <int kRows>
inline void DotLines(const int8_t* rows, int64_t row_bytes, const Lines& lines, const WideLine* widened,
                     const Ahead::Beside& beside, I32x16* result) {
  I32x16 sums[kRows];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) sums[r] = ZeroInts();
  if (widened != nullptr) {
    for (int64_t i = 0; i < lines.count; ++i, rows += 8) {
      AddPairs<kRows>(rows, row_bytes, widened[i].even, sums);
      AddPairs<kRows>(rows + 4, row_bytes, widened[i].odd, sums);
    }
  } else {
    const int8_t* line = lines.first;
    for (int64_t i = 0; i < lines.count; ++i, rows += 8, line += lines.stride) {
      beside.Fetch(i);
      const WideLine wide = Widen(line);
      AddPairs<kRows>(rows, row_bytes, wide.even, sums);
      AddPairs<kRows>(rows + 4, row_bytes, wide.odd, sums);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) result[r] = sums[r];
}

// All lines at once where more than a tile of rows shares them.
inline const WideLine* WidenShared(const Lines& lines, int64_t rows, const Ahead::Beside& beside,
                                   WideLine* buffer) {
  if (rows <= kTileRows || lines.count > kMaxWidened) return nullptr;
  const int8_t* line = lines.first;
  for (int64_t i = 0; i < lines.count; ++i, line += lines.stride) {
    beside.Fetch(i);
    buffer[i] = Widen(line);
  }
  return buffer;
}

// body(std::integral_constant<int, n>, first row) for tiles of n rows.
template <class Body>
inline void ForEachTile(int64_t rows, const Body& body) {
  int64_t row = 0;
  for (; row + kTileRows <= rows; row += kTileRows) body(std::integral_constant<int, kTileRows>(), row);
  switch (rows - row) {
    case 5:
      return body(std::integral_constant<int, 5>(), row);
    case 4:
      return body(std::integral_constant<int, 4>(), row);
    case 3:
      return body(std::integral_constant<int, 3>(), row);
    case 2:
      return body(std::integral_constant<int, 2>(), row);
    case 1:
      return body(std::integral_constant<int, 1>(), row);
    default:
      return;
  }
}

// Scores of some rows for the sixteen keys from `key` on.
inline void ScoreSixteen(const AttendArgs& args, int64_t row, int64_t rows, int64_t key, int64_t count,
                         const Ahead& ahead) {
  const int64_t fours = (args.head_dim + 3) / 4, offset = key / 16 * fours * kLineBytes;
  const Lines lines = {static_cast<const int8_t*>(args.keys) + offset, kLineBytes, fours};
  const Ahead::Beside beside = ahead.BesideKeys(key);
  ahead.FetchScales(args, key);
  WideLine buffer[kMaxWidened];
  const WideLine* widened = WidenShared(lines, rows, beside, buffer);
  const F32x16 row_scales = LoadFirst(args.key_steps + key, count - key);
  ForEachTile(rows, [&](auto tile, int64_t first) {
    constexpr int kRows = decltype(tile)::value;
    I32x16 products[kRows];
    DotLines<kRows>(args.split_queries + (row + first) * 2 * args.row_stride, 2 * args.row_stride, lines,
                    widened, beside, products);
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      // At most 2048 * 127 * 8191 in magnitude: no overflow.
      const int64_t of = row + first + r;
      Store(Mul(Mul(ToFloat(products[r]), Broadcast(args.factors[of])), row_scales),
            args.scores + of * kAttentionPartition + key);
    }
  });
}

// Outputs of some rows in the sixteen dimensions from `d` on.
inline void SumSixteen(const AttendArgs& args, int64_t row, int64_t rows, int64_t d, int64_t count,
                       const float* row_scales, const Ahead& ahead) {
  const int64_t line = RoundUp16(args.head_dim) * 4;
  const Lines lines = {static_cast<const int8_t*>(args.values) + d * 4, line, (count + 3) / 4};
  const Ahead::Beside beside = ahead.BesideValues(d);
  WideLine buffer[kMaxWidened];
  const WideLine* widened = WidenShared(lines, rows, beside, buffer);
  ForEachTile(rows, [&](auto tile, int64_t first) {
    constexpr int kRows = decltype(tile)::value;
    I32x16 sums[kRows];
    DotLines<kRows>(args.weights + (row + first) * 2 * kAttentionPartition, 2 * kAttentionPartition, lines,
                    widened, beside, sums);
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      // At most 256 * 16383 * 128 in magnitude: no overflow.
      Store(Mul(ToFloat(sums[r]), Broadcast(row_scales[first + r])),
            args.outputs + (row + first + r) * args.row_stride + d);
    }
  });
}

void AttendInt8(const AttendArgs& args) {
  for (int64_t row = 0; row < args.rows; row += kSharingRows) {
    const int64_t rows = args.rows - row < kSharingRows ? args.rows - row : kSharingRows;
    const int64_t count = MostValid(args, row, static_cast<int>(rows));
    Ahead ahead(args, count, row == 0);
    for (int64_t key = 0; key < count; key += 16) ScoreSixteen(args, row, rows, key, count, ahead);
    const int64_t per_step = ahead.PerStep(rows * ((count + 15) / 16));
    float row_scales[kSharingRows];
    for (int64_t r = 0; r < rows; ++r)
      QuantizeWeights<1>(args, row + r, count, row_scales + r, [&] { ahead.FetchStep(per_step); });
    for (int64_t d = 0; d < args.head_dim && count > 0; d += 16) {
      SumSixteen(args, row, rows, d, count, row_scales, ahead);
    }
  }
}

}  // namespace
}  // namespace mmoe
