// The activation between the two projections of an expert.

namespace mmoe {
namespace {

void Swiglu(const float* gate_up, int64_t width, float* out) {
  const F32x16 zero = Broadcast(0.0f);
  const F32x16 one = Broadcast(1.0f);
  for (int64_t i = 0; i < width; i += 16) {
    const F32x16 gate = Load(gate_up + i);
    const F32x16 silu = Div(gate, Add(one, Exp(Sub(zero, gate))));
    Store(Mul(silu, Load(gate_up + width + i)), out + i);
  }
}

}  // namespace
}  // namespace mmoe
