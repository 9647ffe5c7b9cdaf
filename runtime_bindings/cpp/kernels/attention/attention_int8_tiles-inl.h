// One partition of int8 keys and values against some query rows: sixteen keys, then sixteen dimensions of values at a
// time, times tiles of rows. Behind what an instruction set multiplies with: kTileRows, Prepared (kLinesAtOnce lines in the
// form that its products take), Prepare and DotLines.

#include <type_traits>

#include "kernels/attention/attention_ahead-inl.h"
#include "kernels/attention/quantize_attention-inl.h"

namespace mmoe {
namespace {

void QuantizeQuery(const float* x, int64_t head_dim, int64_t row_stride, int8_t* out, float* row_scale,
                   int32_t*) {
  QuantizeInt14(x, head_dim, row_stride, out, row_scale);
}

// Rows that share what is prepared, and lines that are prepared at a time: those of a partition's values, and of keys of
// up to 256 dimensions.
constexpr int64_t kSharingRows = 48;
constexpr int64_t kMaxLines = kAttentionPartition / 4;

// All lines at once where more than a tile of rows shares them, otherwise nullptr. `buffer` has room for kMaxLines.
inline const Prepared* PrepareShared(const Lines& lines, int64_t rows, const Ahead::Beside& beside,
                                     Prepared* buffer) {
  if (rows <= kTileRows || lines.count > kMaxLines) return nullptr;
  for (int64_t i = 0; i < lines.count; i += kLinesAtOnce) {
    for (int64_t j = i; j < i + kLinesAtOnce; ++j) beside.Fetch(j);
    buffer[i / kLinesAtOnce] = Prepare(lines, i);
  }
  return buffer;
}

// body(std::integral_constant<int, kRows>(), row) for the rows that fill no tile.
template <int kRows, class Body>
inline void LastTile(int64_t rows, int64_t row, const Body& body) {
  if (rows == kRows) return body(std::integral_constant<int, kRows>(), row);
  if constexpr (kRows > 1) LastTile<kRows - 1>(rows, row, body);
}

// body(std::integral_constant<int, n>(), first row) for tiles of n rows.
template <class Body>
inline void ForEachTile(int64_t rows, const Body& body) {
  int64_t row = 0;
  for (; row + kTileRows <= rows; row += kTileRows) body(std::integral_constant<int, kTileRows>(), row);
  LastTile<kTileRows - 1>(rows - row, row, body);
}

// Scores of some rows for the sixteen keys from `key` on.
inline void ScoreSixteen(const AttendArgs& args, int64_t row, int64_t rows, int64_t key, int64_t count,
                         const Ahead& ahead) {
  const int64_t fours = (args.head_dim + 3) / 4, offset = key / 16 * fours * kLineBytes;
  const Lines lines = {static_cast<const int8_t*>(args.keys) + offset, kLineBytes, fours};
  const Ahead::Beside beside = ahead.BesideKeys(key);
  ahead.FetchScales(args, key);
  Prepared buffer[kMaxLines / kLinesAtOnce];
  const Prepared* shared = PrepareShared(lines, rows, beside, buffer);
  const F32x16 row_scales = LoadFirst(args.key_steps + key, count - key);
  ForEachTile(rows, [&](auto tile, int64_t first) {
    constexpr int kRows = decltype(tile)::value;
    I32x16 products[kRows];
    DotLines<kRows>(args.split_queries + (row + first) * 2 * args.row_stride, 2 * args.row_stride, lines,
                    shared, beside, products);
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
  Prepared buffer[kMaxLines / kLinesAtOnce];
  const Prepared* shared = PrepareShared(lines, rows, beside, buffer);
  ForEachTile(rows, [&](auto tile, int64_t first) {
    constexpr int kRows = decltype(tile)::value;
    I32x16 sums[kRows];
    DotLines<kRows>(args.weights + (row + first) * 2 * kAttentionPartition, 2 * kAttentionPartition, lines,
                    shared, beside, sums);
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
