// The second step of quantize_activations.h: int16 rows times a panel's int16 scales, to int8.

#include "kernels/moe/quantize_exactly-inl.h"

namespace mmoe {
namespace {

// Tokens at a time: they share the scales and hide each other's latencies (reductions, divisions).
constexpr int kQuantizedRows = kSixteenLaneRegisters >= 32 ? 4 : 2;

// The factor of a token whose scaled activations are of up to `magnitude`; writes its scale.
inline I16x32 FactorOf(const QuantizeTileArgs& tile, int token, int magnitude) {
  constexpr int kNumerator = kInt8Levels << 15;
  const int factor = magnitude <= kInt8Levels ? kInt16Levels : kNumerator / magnitude;
  tile.activation_scales[token] =
      tile.row_scales[token] * (tile.scale_of_scales * (1073741824.0f / static_cast<float>(factor)));
  return BroadcastInt16(static_cast<int16_t>(factor));
}

template <int kRows>
inline void QuantizeTileRows(const QuantizeTileArgs& tile, int first) {
  const int64_t inputs = PaddedInputs(tile.inputs);
  const int16_t* rows[kRows];
  I16x32 largest[kRows], factors[kRows];
  for (int r = 0; r < kRows; ++r) {
    rows[r] = tile.rows[first + r];
    largest[r] = BroadcastInt16(0);
  }
  for (int64_t i = 0; i < inputs; i += 32) {
    const I16x32 scale = LoadInt16(tile.scales + i);
    for (int r = 0; r < kRows; ++r) {
      largest[r] = MaxMagnitudeInt16(largest[r], MulRounded(LoadInt16(rows[r] + i), scale));
    }
  }
  I32x16 totals[kRows];
  int magnitudes[kRows];
  for (int r = 0; r < kRows; ++r) {
    magnitudes[r] = LargestInt16(largest[r]);
    factors[r] = FactorOf(tile, first + r, magnitudes[r]);
    totals[r] = ZeroInts();
  }
  int8_t* out = tile.out + first * kActivationChunk;
  for (int64_t i = 0; i < inputs; i += kActivationChunk, out += tile.tokens * kActivationChunk) {
    const I16x32 scale = LoadInt16(tile.scales + i), next_scale = LoadInt16(tile.scales + i + 32);
    for (int r = 0; r < kRows; ++r) {
      const I16x32 a = MulRounded(LoadInt16(rows[r] + i), scale);
      const I16x32 b = MulRounded(LoadInt16(rows[r] + i + 32), next_scale);
      totals[r] = StoreInt8(MulRounded(a, factors[r]), MulRounded(b, factors[r]), out + r * kActivationChunk,
                            totals[r]);
    }
  }
  for (int r = 0; r < kRows; ++r) tile.sums[first + r] = ReduceAddInts(totals[r]);
  QuantizeCoarseTokens(tile, first, magnitudes, kRows);
}

void QuantizeTile(const QuantizeTileArgs& tile) {
  int t = 0;
  for (; t + kQuantizedRows <= tile.tokens; t += kQuantizedRows) QuantizeTileRows<kQuantizedRows>(tile, t);
  for (; t < tile.tokens; ++t) QuantizeTileRows<1>(tile, t);
}

}  // namespace
}  // namespace mmoe
