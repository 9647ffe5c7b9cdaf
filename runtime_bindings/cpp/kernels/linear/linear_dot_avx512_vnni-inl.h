// Panel of a dense linear times a tile of tokens with vpdpbusd. A group's integer sums live in registers for
// 8 lines of weights, then go through its scales into the float results, which stay in registers for the whole panel.

#include "kernels/linear/linear_dot.h"

namespace mmoe {
namespace {

// 6 tokens x (2 integer + 2 float accumulators) leave room for a line's two halves, the mask and the scales.
constexpr int kAvx512LinearTile = 6;

inline __m512i FourInputs(const int8_t* from) {
  int32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return _mm512_set1_epi32(four);
}

template <int kTokens>
void LinearDotTokens(const LinearDotArgs& args) {
  constexpr int kLines = kLinearGroup / kPanelBlockInputs;
  const __m512i mask = _mm512_set1_epi8(15);
  const uint8_t* weight = args.weight;
  const uint8_t* ahead = args.ahead;
  const uint16_t* scale = args.scale;
  const int8_t* values = args.tile.values;
  const float* activation_scales = args.tile.activation_scales;
  const int32_t* offsets = args.tile.offsets;
  __m512 low_result[kTokens], high_result[kTokens];
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) low_result[t] = high_result[t] = _mm512_setzero_ps();
  for (int64_t group = 0; group < args.groups; ++group) {
    __m512i low[kTokens], high[kTokens];
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) low[t] = high[t] = _mm512_set1_epi32(offsets[t]);
#pragma GCC unroll 8
    for (int line = 0; line < kLines; ++line) {
      _mm_prefetch(ahead + line * kPanelBlockBytes, _MM_HINT_T0);
      const __m512i bytes = _mm512_loadu_si512(weight + line * kPanelBlockBytes);
      const __m512i low_nibbles = _mm512_and_si512(bytes, mask);
      const __m512i high_nibbles = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), mask);
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) {
        const __m512i x = FourInputs(values + t * kLinearGroup + line * kPanelBlockInputs);
        low[t] = _mm512_dpbusd_epi32(low[t], low_nibbles, x);
        high[t] = _mm512_dpbusd_epi32(high[t], high_nibbles, x);
      }
    }
    const __m512 low_scale = LoadFloat16(scale), high_scale = LoadFloat16(scale + 16);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      const __m512 activation_scale = _mm512_set1_ps(activation_scales[t]);
      low_result[t] = Add(low_result[t], Mul(_mm512_cvtepi32_ps(low[t]), Mul(low_scale, activation_scale)));
      high_result[t] =
          Add(high_result[t], Mul(_mm512_cvtepi32_ps(high[t]), Mul(high_scale, activation_scale)));
    }
    weight += kLines * kPanelBlockBytes;
    ahead += kLines * kPanelBlockBytes;
    scale += kPanelOutputs;
    values += kTokens * kLinearGroup;
    activation_scales += kTokens;
    offsets += kTokens;
  }
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) {
    Store(low_result[t], args.out + t * args.out_stride);
    Store(high_result[t], args.out + t * args.out_stride + 16);
  }
}

void LinearDot(const LinearDotArgs& args) {
  static constexpr void (*kByTokens[kAvx512LinearTile])(const LinearDotArgs&) = {
      LinearDotTokens<1>, LinearDotTokens<2>, LinearDotTokens<3>,
      LinearDotTokens<4>, LinearDotTokens<5>, LinearDotTokens<6>,
  };
  kByTokens[args.tile.tokens - 1](args);
}

}  // namespace
}  // namespace mmoe
