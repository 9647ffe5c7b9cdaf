// Panel of a dense linear times a tile of tokens with vpdpbusd. A group's integer sums live in registers for
// 8 lines of weights, then go through its scales into the float results, which stay in registers for the whole panel.

#include "kernels/linear/linear_dot.h"
#include "kernels/linear/load_scales-inl.h"

namespace mmoe {
namespace {

// 6 tokens x (2 integer + 2 float accumulators) leave room for a line's two halves, the mask and the scales.
constexpr int kAvx512LinearTile = 6;

inline __m512i FourInputs(const int8_t* from) {
  int32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return _mm512_set1_epi32(four);
}

// What a token's sums of sixteen outputs begin with where these have zeros of their own; `offset` is that of a zero
// of 8.
inline __m512i ZeroOffsets(const uint8_t* zero, int32_t offset) {
  const __m512i zeros = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(zero)));
  return _mm512_mullo_epi32(zeros, _mm512_set1_epi32(offset / kWeightOffset));
}

// A dense linear's groups have 32 inputs, float16 scales and a zero of 8, which is then known to the compiler. Of
// wider groups 8 lines follow each other before their sums are due.
template <int kTokens, bool kDense>
void GroupedDotTokens(const LinearDotArgs& args) {
  constexpr int kLines = kLinearGroup / kPanelBlockInputs;
  const int64_t inputs = kDense ? kLinearGroup : args.group;
  const __m512i mask = _mm512_set1_epi8(15);
  const uint8_t* weight = args.weight;
  const uint8_t* ahead = args.ahead;
  const int8_t* values = args.tile.values;
  const float* activation_scales = args.tile.activation_scales;
  const int32_t* offsets = args.tile.offsets;
  __m512 low_result[kTokens], high_result[kTokens];
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) low_result[t] = high_result[t] = _mm512_setzero_ps();
  for (int64_t group = 0; group < args.groups; ++group) {
    __m512i low[kTokens], high[kTokens];
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      low[t] = high[t] = _mm512_set1_epi32(offsets[t]);
      if (!kDense && args.zero != nullptr) {
        low[t] = ZeroOffsets(args.zero + group * kPanelOutputs, offsets[t]);
        high[t] = ZeroOffsets(args.zero + group * kPanelOutputs + 16, offsets[t]);
      }
    }
    for (int64_t input = 0; input < inputs; input += kLinearGroup) {
#pragma GCC unroll 8
      for (int line = 0; line < kLines; ++line) {
        _mm_prefetch(ahead + line * kPanelBlockBytes, _MM_HINT_T0);
        const __m512i bytes = _mm512_loadu_si512(weight + line * kPanelBlockBytes);
        const __m512i low_nibbles = _mm512_and_si512(bytes, mask);
        const __m512i high_nibbles = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), mask);
#pragma GCC unroll 8
        for (int t = 0; t < kTokens; ++t) {
          const __m512i x = FourInputs(values + t * inputs + input + line * kPanelBlockInputs);
          low[t] = _mm512_dpbusd_epi32(low[t], low_nibbles, x);
          high[t] = _mm512_dpbusd_epi32(high[t], high_nibbles, x);
        }
      }
      weight += kLines * kPanelBlockBytes;
      ahead += kLines * kPanelBlockBytes;
    }
    const __m512 low_scale = LoadScales<kDense>(args, group * kPanelOutputs);
    const __m512 high_scale = LoadScales<kDense>(args, group * kPanelOutputs + 16);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      const __m512 activation_scale = _mm512_set1_ps(activation_scales[t]);
      low_result[t] = Add(low_result[t], Mul(_mm512_cvtepi32_ps(low[t]), Mul(low_scale, activation_scale)));
      high_result[t] =
          Add(high_result[t], Mul(_mm512_cvtepi32_ps(high[t]), Mul(high_scale, activation_scale)));
    }
    values += kTokens * inputs;
    activation_scales += kTokens;
    offsets += kTokens;
  }
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) {
    Store(low_result[t], args.out + t * args.out_stride);
    Store(high_result[t], args.out + t * args.out_stride + 16);
  }
}

template <bool kDense>
void DotByTokens(const LinearDotArgs& args) {
  static constexpr void (*kByTokens[kAvx512LinearTile])(const LinearDotArgs&) = {
      GroupedDotTokens<1, kDense>, GroupedDotTokens<2, kDense>, GroupedDotTokens<3, kDense>,
      GroupedDotTokens<4, kDense>, GroupedDotTokens<5, kDense>, GroupedDotTokens<6, kDense>,
  };
  kByTokens[args.tile.tokens - 1](args);
}

void LinearDot(const LinearDotArgs& args) { DotByTokens<true>(args); }
void GroupedDot(const LinearDotArgs& args) { DotByTokens<false>(args); }

}  // namespace
}  // namespace mmoe
