// One partition of int8 keys and values against some query rows, in integer dot products throughout: what
// meets the 8 bits of the cache, queries and softmax weights, has 14 bits and is multiplied as int16. The
// bytes of the cache are widened to int16 once for many rows, and then vpmaddwd and an addition, or vpdpwssd, are 16
// multiply-adds; two halves of 7 bits would take two vpmaddubsw with what widens their sums for 32, or two vpdpbusd and twice
// the sums. Behind what multiplies (products_avx2.h, products_avx_vnni.h).

#include "kernels/attention/attention_ahead-inl.h"
#include "kernels/attention/quantize_attention-inl.h"

namespace mmoe {
namespace {

// 12 accumulators leave 4 registers.
constexpr int kTileRows = 6;

constexpr int64_t kLinesAtOnce = 1;

// A line as int16: bytes 0 and 2 of every four, then 1 and 3, which is the order of StoreInt14.
struct Prepared {
  __m256i even[2];
  __m256i odd[2];
};

inline Prepared Prepare(const Lines& lines, int64_t i) {
  const int8_t* line = lines.first + i * lines.stride;
  Prepared wide;
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
inline void AddRows(const int8_t* rows, int64_t row_bytes, const __m256i* bytes, I32x16* sums) {
  const __m256i low = bytes[0], high = bytes[1];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
    __m256i pair = BroadcastPair(rows + r * row_bytes);
    // These keep GCC from adding all products last, which takes more registers than there are.
    asm volatile("" : "+x"(pair));
    sums[r].low = AddPairs(sums[r].low, low, pair);
    sums[r].high = AddPairs(sums[r].high, high, pair);
    asm volatile("" : "+x"(sums[r].low), "+x"(sums[r].high));
  }
}

// sums[r] = row r times the lines; `shared` has them already, or is nullptr.
template <int kRows>
inline void DotLines(const int8_t* rows, int64_t row_bytes, const Lines& lines, const Prepared* shared,
                     const Ahead::Beside& beside, I32x16* result) {
  I32x16 sums[kRows];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) sums[r] = ZeroInts();
  if (shared != nullptr) {
    for (int64_t i = 0; i < lines.count; ++i, rows += 8) {
      AddRows<kRows>(rows, row_bytes, shared[i].even, sums);
      AddRows<kRows>(rows + 4, row_bytes, shared[i].odd, sums);
    }
  } else {
    for (int64_t i = 0; i < lines.count; ++i, rows += 8) {
      beside.Fetch(i);
      const Prepared wide = Prepare(lines, i);
      AddRows<kRows>(rows, row_bytes, wide.even, sums);
      AddRows<kRows>(rows + 4, row_bytes, wide.odd, sums);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) result[r] = sums[r];
}

}  // namespace
}  // namespace mmoe

#include "kernels/attention/attention_int8_tiles-inl.h"
