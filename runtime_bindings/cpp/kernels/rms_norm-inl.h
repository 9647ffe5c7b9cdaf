// RMS normalisation of one row, with a plain weight.

namespace mmoe {
namespace {

void RmsNorm(const float* x, const float* weight, int64_t hidden, float eps, float* out) {
  F32x16 squares = Broadcast(0.0f);
  for (int64_t i = 0; i < hidden; i += 16) {
    const F32x16 value = Load(x + i);
    squares = Add(squares, Mul(value, value));
  }
  const float mean = ReduceAdd(squares) / static_cast<float>(hidden);
  // Square root and division are correctly rounded everywhere; a reciprocal square root would not be.
  const F32x16 factor = Broadcast(1.0f / std::sqrt(mean + eps));
  for (int64_t i = 0; i < hidden; i += 16) {
    Store(Mul(Mul(Load(x + i), factor), Load(weight + i)), out + i);
  }
}

}  // namespace
}  // namespace mmoe
