// Included by each instruction set's file after its simd_*.h: exp, 2^x and sigmoid on 16 lanes, the same bits
// everywhere.

namespace mmoe {
namespace {

// e^x within 2 ulp on [-87.33, 88.37]; constant below, infinity above; NaN stays NaN. Range reduction by Cody
// and Waite (ln 2 in two parts, the first short enough that n * part is exact), then the polynomial of
// Cephes' expf (S. Moshier).
inline F32x16 Exp(F32x16 x) {
  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits.
  const F32x16 round_bias = Broadcast(12582912.0f);
  x = Min(Broadcast(89.0f), Max(Broadcast(-87.33f), x));
  const F32x16 biased = Add(Mul(x, Broadcast(1.44269504088896341f)), round_bias);
  const F32x16 n = Sub(biased, round_bias);
  F32x16 r = Sub(x, Mul(n, Broadcast(0.693359375f)));
  r = Sub(r, Mul(n, Broadcast(-2.12194440e-4f)));
  F32x16 p = Broadcast(1.9875691500e-4f);
  p = Add(Mul(p, r), Broadcast(1.3981999507e-3f));
  p = Add(Mul(p, r), Broadcast(8.3334519073e-3f));
  p = Add(Mul(p, r), Broadcast(4.1665795894e-2f));
  p = Add(Mul(p, r), Broadcast(1.6666665459e-1f));
  p = Add(Mul(p, r), Broadcast(5.0000001201e-1f));
  const F32x16 tail = Add(Mul(p, Mul(r, r)), r);
  return Mul(Add(tail, Broadcast(1.0f)), PowerOfTwo(biased));
}

// 2^x within 2.5 ulp for -126 <= x <= 0; its least value, the least normal number, below; NaN stays NaN. For
// the softmax, whose scores are in units of log2(e): 17 operations, 6 of them multiplications, where e^x
// takes 28 and 11. The polynomial is 1 + x * q(x) with q of least relative error on [-1/2, 1/2] (Lawson's
// iteration), so that 2^0 is 1.
inline F32x16 Exp2(F32x16 x) {
  const F32x16 round_bias = Broadcast(12582912.0f);
  x = Max(Broadcast(-126.0f), x);
  const F32x16 biased = Add(x, round_bias);
  const F32x16 r = Sub(x, Sub(biased, round_bias));
  F32x16 p = Broadcast(1.326472731e-3f);
  p = Add(Mul(p, r), Broadcast(9.671512991e-3f));
  p = Add(Mul(p, r), Broadcast(5.550733581e-2f));
  p = Add(Mul(p, r), Broadcast(2.402224243e-1f));
  p = Add(Mul(p, r), Broadcast(6.931470037e-1f));
  p = Add(Mul(p, r), Broadcast(1.0f));
  return Mul(p, PowerOfTwo(biased));
}

// 1 / (1 + e^-x)
inline F32x16 Sigmoid(F32x16 x) {
  const F32x16 one = Broadcast(1.0f);
  return Div(one, Add(one, Exp(Sub(Broadcast(0.0f), x))));
}

}  // namespace
}  // namespace mmoe
