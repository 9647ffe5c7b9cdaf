// A token's result: its experts' outputs, weighted and added in selection order.

namespace mmoe {
namespace {

void Combine(const float* const* rows, const float* weights, int64_t count, int64_t hidden, float* out) {
  for (int64_t i = 0; i < hidden; i += 16) {
    F32x16 sum = Mul(Broadcast(weights[0]), Load(rows[0] + i));
    for (int64_t k = 1; k < count; ++k) sum = Add(sum, Mul(Broadcast(weights[k]), Load(rows[k] + i)));
    Store(sum, out + i);
  }
}

}  // namespace
}  // namespace mmoe
