// A token for which int16 would be too coarse in a panel (quantize_activations.h), from its floats to int8.

namespace mmoe {
namespace {

// The scaled activations of one token, rounded to float32.
class ExactProducts {
 public:
  ExactProducts(const QuantizeTileArgs& tile, int token)
      : row_(tile.exact_rows[token]), scales_(tile.exact_scales), inputs_(tile.inputs) {}

  // Those of inputs i..i+15; zero behind the last.
  F32x16 Sixteen(int64_t i) const {
    return i < inputs_ ? Mul(Load(row_ + i), LoadFloat16(scales_ + i)) : Broadcast(0.0f);
  }

  float Magnitude() const {
    I32x16 bits = ZeroInts();
    for (int64_t i = 0; i < inputs_; i += 16) bits = MaxMagnitudeBits(bits, Sixteen(i));
    return LargestMagnitude(bits);
  }

 private:
  const float* row_;
  const uint16_t* scales_;
  int64_t inputs_;
};

// Replaces what the tile has for the token. Where floats can say no more than int16 did (all products are zero, or
// so small that 127 / magnitude overflows, or one is not finite), it stays.
void QuantizeExactly(const QuantizeTileArgs& tile, int token) {
  constexpr float kLargestFloat = 3.402823466e38f;
  const ExactProducts products(tile, token);
  const float magnitude = products.Magnitude();
  const float factor = static_cast<float>(kInt8Levels) / magnitude;
  if (!(magnitude <= kLargestFloat && factor <= kLargestFloat)) return;
  I32x16 totals = ZeroInts();
  int8_t* out = tile.out + token * kActivationChunk;
  for (int64_t i = 0; i < tile.inputs; i += kActivationChunk, out += tile.tokens * kActivationChunk) {
    F32x16 chunk[4];
    for (int v = 0; v < 4; ++v) chunk[v] = Mul(products.Sixteen(i + 16 * v), Broadcast(factor));
    totals = StoreInt8(chunk, out, totals);
  }
  tile.activation_scales[token] = magnitude / static_cast<float>(kInt8Levels);
  tile.sums[token] = ReduceAddInts(totals);
}

// Does so for those of `count` tokens from `first` on whose largest int16 products are too small.
inline void QuantizeCoarseTokens(const QuantizeTileArgs& tile, int first, const int* magnitudes, int count) {
  for (int t = 0; t < count; ++t) {
    if (__builtin_expect(magnitudes[t] < kFewestLevels, 0)) QuantizeExactly(tile, first + t);
  }
}

}  // namespace
}  // namespace mmoe
