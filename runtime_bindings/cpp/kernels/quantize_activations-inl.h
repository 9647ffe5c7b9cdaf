// Activations of one token for one panel: multiplied by the panel's scale column, then int8 with one step.

namespace mmoe {
namespace {

void ConvertScales(const uint16_t* scales, int64_t count, float* out) {
  for (int64_t i = 0; i < count; i += 16) StoreFirst(LoadFloat16(scales + i, count - i), out + i, count - i);
}

// The four vectors x * scales of inputs i..i+63, zero from `inputs` on.
inline void ScaledChunk(const float* x, const float* scales, int64_t i, int64_t inputs, F32x16* out) {
  if (i + kActivationChunk <= inputs) {
    for (int j = 0; j < 4; ++j) out[j] = Mul(Load(x + i + 16 * j), Load(scales + i + 16 * j));
    return;
  }
  for (int j = 0; j < 4; ++j) {
    const int64_t left = inputs - i - 16 * j;
    out[j] = left > 0 ? Mul(LoadFirst(x + i + 16 * j, left), LoadFirst(scales + i + 16 * j, left))
                      : Broadcast(0.0f);
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
  F32x16 inverse = Broadcast(0.0f);
  const bool finite = magnitude <= 3.402823466e38f;
  const bool representable = finite && 127.0f / magnitude <= 3.402823466e38f;
  if (representable) inverse = Broadcast(127.0f / magnitude);
  *step = representable ? magnitude / 127.0f : finite ? 0.0f : magnitude - magnitude;

  I32x16 sums = ZeroInts();
  for (int64_t i = 0; i < inputs; i += kActivationChunk, out += chunk_stride) {
    if (representable) {
      ScaledChunk(x, scales, i, inputs, chunk);
    } else {
      for (int j = 0; j < 4; ++j) chunk[j] = Broadcast(0.0f);
    }
    for (int j = 0; j < 4; ++j) chunk[j] = Mul(chunk[j], inverse);
    sums = StoreInt8(chunk, out, sums);
  }
  *sum = ReduceAddInts(sums);
}

}  // namespace
}  // namespace mmoe
