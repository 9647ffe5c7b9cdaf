// The activation between the two projections of an expert.

namespace mmoe {
namespace {

void Swiglu(const float* gate, const float* up, int64_t width, float* out) {
  const F32x16 zero = Broadcast(0.0f);
  const F32x16 one = Broadcast(1.0f);
  for (int64_t i = 0; i < width; i += 16) {
    const F32x16 x = Load(gate + i);
    const F32x16 silu = Div(x, Add(one, Exp(Sub(zero, x))));
    Store(Mul(silu, Load(up + i)), out + i);
  }
}

}  // namespace
}  // namespace mmoe
