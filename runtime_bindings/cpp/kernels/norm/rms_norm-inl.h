// RMS normalisation of one row, with a plain weight, and the residual additions before it.

namespace mmoe {
namespace {

// out = x * weight / sqrt(mean(x^2) + eps), given the sixteen partial sums of x^2.
inline void Normalize(const float* x, F32x16 squares, const float* weight, int64_t hidden, float eps,
                      float* out) {
  const float mean = ReduceAdd(squares) / static_cast<float>(hidden);
  // Square root and division are correctly rounded everywhere; a reciprocal square root would not be.
  const F32x16 factor = Broadcast(1.0f / std::sqrt(mean + eps));
  for (int64_t i = 0; i < hidden; i += 16) {
    Store(Mul(Mul(Load(x + i), factor), Load(weight + i)), out + i);
  }
}

void RmsNorm(const float* x, const float* weight, int64_t hidden, float eps, float* out) {
  F32x16 squares = Broadcast(0.0f);
  for (int64_t i = 0; i < hidden; i += 16) {
    const F32x16 value = Load(x + i);
    squares = Add(squares, Mul(value, value));
  }
  Normalize(x, squares, weight, hidden, eps, out);
}

void AddRmsNorm(const float* residual, const float* x, const float* y, const float* weight, int64_t hidden,
                float eps, float* sum, float* out) {
  F32x16 squares = Broadcast(0.0f);
  for (int64_t i = 0; i < hidden; i += 16) {
    const F32x16 added = y == nullptr ? Load(x + i) : Add(Load(x + i), Load(y + i));
    const F32x16 value = Add(Load(residual + i), added);
    Store(value, sum + i);
    squares = Add(squares, Mul(value, value));
  }
  Normalize(sum, squares, weight, hidden, eps, out);
}

}  // namespace
}  // namespace mmoe
