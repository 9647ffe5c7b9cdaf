// The router's scores in float32: four experts at a time, so that four chains of additions hide each other's
// latency.

namespace mmoe {
namespace {

template <int kRows>
inline void DotRows(const float* x, const float* rows, int64_t length, float* out) {
  F32x16 sums[kRows];
  for (int r = 0; r < kRows; ++r) sums[r] = Broadcast(0.0f);
  for (int64_t i = 0; i < length; i += 16) {
    const F32x16 value = Load(x + i);
    for (int r = 0; r < kRows; ++r) {
      const float* weight = rows + r * length + i;
      __builtin_prefetch(weight + kRows * length);
      sums[r] = Add(sums[r], Mul(value, Load(weight)));
    }
  }
  for (int r = 0; r < kRows; ++r) out[r] = ReduceAdd(sums[r]);
}

void RouterScores(const float* x, const float* weight, int64_t experts, int64_t hidden, float* scores) {
  int64_t e = 0;
  for (; e + 4 <= experts; e += 4) DotRows<4>(x, weight + e * hidden, hidden, scores + e);
  for (; e < experts; ++e) DotRows<1>(x, weight + e * hidden, hidden, scores + e);
  for (e = 0; e < experts; e += 16) {
    StoreFirst(Sigmoid(LoadFirst(scores + e, experts - e)), scores + e, experts - e);
  }
}

}  // namespace
}  // namespace mmoe
