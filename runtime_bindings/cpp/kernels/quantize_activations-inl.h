// Activations of one token for one panel: multiplied by the panel's scale column, then int8 with one step.

namespace mmoe {
namespace {

void ConvertScales(const uint16_t* scales, int64_t count, float* out) {
  for (int64_t i = 0; i < count; i += 16) Store(LoadFloat16(scales + i), out + i);
}

// The four vectors x * scales of inputs i..i+63, zero from `inputs` on.
inline void ScaledChunk(const float* x, const float* scales, int64_t i, int64_t inputs, F32x16* out) {
  for (int j = 0; j < 4; ++j) {
    const int64_t at = i + 16 * j;
    out[j] = at < inputs ? Mul(Load(x + at), Load(scales + at)) : Broadcast(0.0f);
  }
}

void QuantizeActivations(const float* x, const float* scales, int64_t inputs, int8_t* out,
                         int64_t chunk_stride, float* step, int32_t* sum) {
  F32x16 chunk[4];
  I32x16 largest = ZeroInts();
  for (int64_t i = 0; i < inputs; i += kActivationChunk) {
    ScaledChunk(x, scales, i, inputs, chunk);
    for (int j = 0; j < 4; ++j) largest = MaxMagnitudeBits(largest, chunk[j]);
  }
  const float magnitude = LargestMagnitude(largest);
  // All zero (or so small that 127 / magnitude overflows) quantises to zeros with step 0; a non-finite
  // activation makes the whole product NaN instead of silently saturating.
  constexpr float kLargestFloat = 3.402823466e38f;
  const float inverse = 127.0f / magnitude;
  const bool finite = magnitude <= kLargestFloat;
  const bool representable = finite && inverse <= kLargestFloat;
  *step = representable ? magnitude / 127.0f : finite ? 0.0f : magnitude - magnitude;

  I32x16 sums = ZeroInts();
  for (int64_t i = 0; i < inputs; i += kActivationChunk, out += chunk_stride) {
    ScaledChunk(x, scales, i, inputs, chunk);
    for (int j = 0; j < 4; ++j)
      chunk[j] = representable ? Mul(chunk[j], Broadcast(inverse)) : Broadcast(0.0f);
    sums = StoreInt8(chunk, out, sums);
  }
  *sum = ReduceAddInts(sums);
}

}  // namespace
}  // namespace mmoe
