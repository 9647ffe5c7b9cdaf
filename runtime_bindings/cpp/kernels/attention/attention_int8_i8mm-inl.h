// One partition of int8 keys and values against some query rows with smmla, 2 x 8 times 8 x 2. What meets the 8 bits of
// the cache, queries and softmax weights, has 14 bits, as two halves of 7: these are the two columns, two keys (or
// dimensions of values) the two rows, so that no row needs another one as a partner.

#include "kernels/attention/attention_ahead-inl.h"
#include "kernels/attention/quantize_attention-inl.h"

namespace mmoe {
namespace {

// 3 rows x 8 accumulators leave room for the rows and a pair of keys.
constexpr int kTileRows = 3;

constexpr int64_t kLinesAtOnce = 2;

// Two lines of sixteen keys with four dimensions each (or sixteen dimensions with four keys each): pairs of keys, [2][8].
struct Prepared {
  int8x16_t pairs[8];
};

// Quarter q of lines i and i + 1. An odd last line is its own partner: the rows are zero there.
struct PairedQuarter {
  int8x16_t first;
  int8x16_t second;
};

inline PairedQuarter PairQuarter(const int8_t* line, const int8_t* next, int q) {
  const int32x4_t a = vreinterpretq_s32_s8(vld1q_s8(line + 16 * q));
  const int32x4_t b = vreinterpretq_s32_s8(vld1q_s8(next + 16 * q));
  return {vreinterpretq_s8_s32(vzip1q_s32(a, b)), vreinterpretq_s8_s32(vzip2q_s32(a, b))};
}

inline const int8_t* PartnerLine(const Lines& lines, int64_t i) {
  return lines.first + (i + 1 < lines.count ? i + 1 : i) * lines.stride;
}

inline Prepared Prepare(const Lines& lines, int64_t i) {
  const int8_t *line = lines.first + i * lines.stride, *next = PartnerLine(lines, i);
  Prepared prepared;
#pragma GCC unroll 4
  for (int q = 0; q < 4; ++q) {
    const PairedQuarter quarter = PairQuarter(line, next, q);
    prepared.pairs[2 * q] = quarter.first;
    prepared.pairs[2 * q + 1] = quarter.second;
  }
  return prepared;
}

// Eight inputs of kRows rows, upper halves before lower ones.
template <int kRows>
struct RowHalves {
  RowHalves(const int8_t* rows, int64_t row_bytes) {
#pragma GCC unroll 3
    for (int r = 0; r < kRows; ++r) of_row[r] = vld1q_s8(rows + r * row_bytes);
  }

  int8x16_t of_row[kRows];
};

// A pair of keys times the rows: lanes 0 and 1 are the first key times the upper and the lower half, 2 and 3 the second's.
template <int kRows>
__attribute__((always_inline)) inline void AddPair(int8x16_t keys, const RowHalves<kRows>& rows, int pair,
                                                   int32x4_t (*sums)[8]) {
  // Keeps GCC from loading all pairs first, which takes more registers than there are.
  __asm__("" : "+w"(keys));
#pragma GCC unroll 3
  for (int r = 0; r < kRows; ++r) sums[r][pair] = vmmlaq_s32(sums[r][pair], keys, rows.of_row[r]);
}

// sums[r] = row r times the lines; `shared` has them already, or is nullptr.
template <int kRows>
inline void DotLines(const int8_t* rows, int64_t row_bytes, const Lines& lines, const Prepared* shared,
                     const Ahead::Beside& beside, I32x16* result) {
  int32x4_t sums[kRows][8];
#pragma GCC unroll 3
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int pair = 0; pair < 8; ++pair) sums[r][pair] = vdupq_n_s32(0);
  }
  if (shared != nullptr) {
    const Prepared* end = shared + (lines.count + 1) / 2;
    for (; shared != end; ++shared, rows += 16) {
      const RowHalves<kRows> x(rows, row_bytes);
#pragma GCC unroll 8
      for (int pair = 0; pair < 8; ++pair) AddPair<kRows>(shared->pairs[pair], x, pair, sums);
    }
  } else {
    for (int64_t i = 0; i < lines.count; i += 2, rows += 16) {
      beside.Fetch(i);
      beside.Fetch(i + 1);
      const RowHalves<kRows> x(rows, row_bytes);
      const int8_t *line = lines.first + i * lines.stride, *next = PartnerLine(lines, i);
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        const PairedQuarter quarter = PairQuarter(line, next, q);
        AddPair<kRows>(quarter.first, x, 2 * q, sums);
        AddPair<kRows>(quarter.second, x, 2 * q + 1, sums);
      }
    }
  }
#pragma GCC unroll 3
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
      const int32x4_t upper = vuzp1q_s32(sums[r][2 * p], sums[r][2 * p + 1]);
      const int32x4_t lower = vuzp2q_s32(sums[r][2 * p], sums[r][2 * p + 1]);
      result[r].part[p] = vaddq_s32(lower, vshlq_n_s32(upper, 7));
    }
  }
}

}  // namespace
}  // namespace mmoe

#include "kernels/attention/attention_int8_tiles-inl.h"
