// The first step of quantize_activations.h: sixteen bits with one scale for all.

#include "kernels/simd/float16.h"

namespace mmoe {
namespace {

// How values of at most `magnitude` become int16. All zero (or so small that 32767 / magnitude overflows) becomes
// zeros with scale 0; a non-finite value makes the scale, and so every product, NaN instead of silently saturating.
struct Int16Scaling {
  Int16Scaling(float magnitude, int64_t inputs) : factor(kInt16Levels / magnitude) {
    constexpr float kLargestFloat = 3.402823466e38f;
    const bool finite = magnitude <= kLargestFloat;
    const bool representable = finite && factor <= kLargestFloat;
    filled = representable ? inputs : 0;
    scale = representable ? magnitude / kInt16Levels : finite ? 0.0f : magnitude - magnitude;
  }

  // Values i..i+63, of which sixteen(i) gives sixteen.
  template <class Sixteen>
  void Store(const Sixteen& sixteen, int64_t i, int16_t* out) const {
    const auto scaled = [&](int64_t j) {
      return j < filled ? Mul(sixteen(j), Broadcast(factor)) : Broadcast(0.0f);
    };
    const F32x16 chunk[4] = {scaled(i), scaled(i + 16), scaled(i + 32), scaled(i + 48)};
    StoreInt16(chunk, out + i);
  }

  float factor;
  float scale;
  int64_t filled;  // values that are not zero by definition
};

template <class Sixteen>
inline float QuantizeInt16(const Sixteen& sixteen, float magnitude, int64_t inputs, int16_t* out) {
  const Int16Scaling scaling(magnitude, inputs);
  for (int64_t i = 0; i < PaddedInputs(inputs); i += kActivationChunk) scaling.Store(sixteen, i, out);
  return scaling.scale;
}

float QuantizeRow(const float* x, int64_t inputs, int16_t* out) {
  // Four chains, because one waits for itself.
  I32x16 chains[4] = {ZeroInts(), ZeroInts(), ZeroInts(), ZeroInts()};
  int64_t at = 0;
  for (; at + 64 <= inputs; at += 64) {
    for (int c = 0; c < 4; ++c) chains[c] = MaxMagnitudeBits(chains[c], Load(x + at + 16 * c));
  }
  for (; at < inputs; at += 16) chains[0] = MaxMagnitudeBits(chains[0], Load(x + at));
  const float magnitude =
      LargestMagnitude(MaxInts(MaxInts(chains[0], chains[1]), MaxInts(chains[2], chains[3])));
  return QuantizeInt16([x](int64_t i) { return Load(x + i); }, magnitude, inputs, out);
}

// The largest magnitude of a panel's scales; every(i) runs beside inputs i..i+31.
template <class Every>
inline float LargestScale(const uint16_t* scales, int64_t inputs, const Every& every) {
  // Magnitudes of float16 order like their bits, NaN last.
  I16x32 largest = BroadcastInt16(0);
  int64_t at = 0;
  for (; at + 32 <= inputs; at += 32) {
    largest = MaxInt16(largest, ClearSigns(LoadInt16(reinterpret_cast<const int16_t*>(scales + at))));
    every(at);
  }
  int bits = LargestInt16(largest);
  for (; at < inputs; ++at) {
    const int magnitude = scales[at] & 0x7fff;
    bits = magnitude > bits ? magnitude : bits;
  }
  return Float16ToFloat(static_cast<uint16_t>(bits));
}

float QuantizeScales(const uint16_t* scales, int64_t inputs, int16_t* out) {
  return QuantizeInt16([scales](int64_t i) { return LoadFloat16(scales + i); },
                       LargestScale(scales, inputs, [](int64_t) {}), inputs, out);
}

}  // namespace
}  // namespace mmoe
