// The second step of quantize_activations.h: int16 rows times a panel's int16 scales, to int8.

#include "kernels/moe/quantize_exactly-inl.h"

namespace mmoe {
namespace {

// Tokens at a time, which share the scales.
constexpr int kQuantizedRows = kSixteenLaneRegisters >= 32 ? 4 : 2;

// Tokens whose magnitudes are taken before the first of them is quantised. With few registers few tokens share a pass,
// and a core waits for their reductions and divisions unless it has the next tokens' magnitudes to compute.
constexpr int kMagnitudesAhead = kSixteenLaneRegisters >= 32 ? kQuantizedRows : 12;

// The factor of a token whose scaled activations are of up to `magnitude`; writes its scale.
inline I16x32 FactorOf(const QuantizeTileArgs& tile, int token, int magnitude) {
  constexpr int kNumerator = kInt8Levels << 15;
  const int factor = magnitude <= kInt8Levels ? kInt16Levels : kNumerator / magnitude;
  tile.activation_scales[token] =
      tile.row_scales[token] * (tile.scale_of_scales * (1073741824.0f / static_cast<float>(factor)));
  return BroadcastInt16(static_cast<int16_t>(factor));
}

// The largest magnitudes of tokens first..first+kRows-1 times the panel's scales.
template <int kRows>
inline void MagnitudesOfRows(const QuantizeTileArgs& tile, int first, int* magnitudes) {
  const int64_t inputs = PaddedInputs(tile.inputs);
  I16x32 largest[kRows], least[kRows];
  for (int r = 0; r < kRows; ++r) largest[r] = least[r] = BroadcastInt16(0);
  for (int64_t i = 0; i < inputs; i += 32) {
    const I16x32 scale = LoadInt16(tile.scales + i);
    for (int r = 0; r < kRows; ++r) {
      // A magnitude of each would need the pipes that multiply.
      const I16x32 product = MulRounded(LoadInt16(tile.rows[first + r] + i), scale);
      largest[r] = MaxInt16(largest[r], product);
      least[r] = MinInt16(least[r], product);
    }
  }
  for (int r = 0; r < kRows; ++r) magnitudes[r] = LargestInt16(MaxInt16(largest[r], NegateInt16(least[r])));
}

template <int kRows>
inline void QuantizeTileRows(const QuantizeTileArgs& tile, int first, const int* magnitudes) {
  const int64_t inputs = PaddedInputs(tile.inputs);
  I16x32 factors[kRows];
  I32x16 totals[kRows];
  for (int r = 0; r < kRows; ++r) {
    factors[r] = FactorOf(tile, first + r, magnitudes[r]);
    totals[r] = ZeroInts();
  }
  int8_t* out = tile.out + first * kActivationChunk;
  for (int64_t i = 0; i < inputs; i += kActivationChunk, out += tile.tokens * kActivationChunk) {
    const I16x32 scale = LoadInt16(tile.scales + i), next_scale = LoadInt16(tile.scales + i + 32);
    for (int r = 0; r < kRows; ++r) {
      const int16_t* row = tile.rows[first + r] + i;
      const I16x32 a = MulRounded(LoadInt16(row), scale);
      const I16x32 b = MulRounded(LoadInt16(row + 32), next_scale);
      totals[r] = StoreInt8(MulRounded(a, factors[r]), MulRounded(b, factors[r]), out + r * kActivationChunk,
                            totals[r]);
    }
  }
  for (int r = 0; r < kRows; ++r) tile.sums[first + r] = ReduceAddInts(totals[r]);
}

void QuantizeTile(const QuantizeTileArgs& tile) {
  // The loops below cost a single token 4 to 9 %.
  if (tile.tokens == 1) {
    int magnitude;
    MagnitudesOfRows<1>(tile, 0, &magnitude);
    QuantizeTileRows<1>(tile, 0, &magnitude);
    return QuantizeCoarseTokens(tile, 0, &magnitude, 1);
  }
  for (int first = 0; first < tile.tokens; first += kMagnitudesAhead) {
    const int end = first + kMagnitudesAhead < tile.tokens ? first + kMagnitudesAhead : tile.tokens;
    int magnitudes[kMagnitudesAhead];
    int t = first;
    for (; t + kQuantizedRows <= end; t += kQuantizedRows) {
      MagnitudesOfRows<kQuantizedRows>(tile, t, magnitudes + (t - first));
    }
    for (; t < end; ++t) MagnitudesOfRows<1>(tile, t, magnitudes + (t - first));
    for (t = first; t + kQuantizedRows <= end; t += kQuantizedRows) {
      QuantizeTileRows<kQuantizedRows>(tile, t, magnitudes + (t - first));
    }
    for (; t < end; ++t) QuantizeTileRows<1>(tile, t, magnitudes + (t - first));
    QuantizeCoarseTokens(tile, first, magnitudes, end - first);
  }
}

}  // namespace
}  // namespace mmoe
