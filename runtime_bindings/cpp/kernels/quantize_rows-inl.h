// The first step of quantize_activations.h: sixteen bits with one unit for all.

namespace mmoe {
namespace {

// sixteen(i) gives values i..i+15. All zero (or so small that 32767 / magnitude overflows) becomes zeros with
// unit 0; a non-finite value makes the unit, and so every product, NaN instead of silently saturating.
template <class Sixteen>
inline float QuantizeInt16(const Sixteen& sixteen, int64_t inputs, int16_t* out) {
  constexpr float kLargestFloat = 3.402823466e38f;
  // Four chains, because one waits for itself.
  I32x16 chains[4] = {ZeroInts(), ZeroInts(), ZeroInts(), ZeroInts()};
  int64_t at = 0;
  for (; at + 64 <= inputs; at += 64) {
    for (int c = 0; c < 4; ++c) chains[c] = MaxMagnitudeBits(chains[c], sixteen(at + 16 * c));
  }
  for (; at < inputs; at += 16) chains[0] = MaxMagnitudeBits(chains[0], sixteen(at));
  const float magnitude =
      LargestMagnitude(MaxInts(MaxInts(chains[0], chains[1]), MaxInts(chains[2], chains[3])));
  const bool finite = magnitude <= kLargestFloat;
  const float factor = kInt16Levels / magnitude;
  const bool representable = finite && factor <= kLargestFloat;
  const int64_t filled = representable ? inputs : 0;
  const auto scaled = [&](int64_t i) {
    return i < filled ? Mul(sixteen(i), Broadcast(factor)) : Broadcast(0.0f);
  };
  for (int64_t i = 0; i < PaddedInputs(inputs); i += 32) StoreInt16(scaled(i), scaled(i + 16), out + i);
  return representable ? magnitude / kInt16Levels : finite ? 0.0f : magnitude - magnitude;
}

float QuantizeRow(const float* x, int64_t inputs, int16_t* out) {
  return QuantizeInt16([x](int64_t i) { return Load(x + i); }, inputs, out);
}

float QuantizeScales(const uint16_t* scales, int64_t inputs, int16_t* out) {
  return QuantizeInt16([scales](int64_t i) { return LoadFloat16(scales + i); }, inputs, out);
}

}  // namespace
}  // namespace mmoe
