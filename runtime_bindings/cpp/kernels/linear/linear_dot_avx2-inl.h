// Panel of a dense linear times a tile of tokens, a group and half a panel at a time (panel_avx2.h).

#include "kernels/linear/linear_dot.h"
#include "kernels/linear/load_scales-inl.h"
#include "kernels/simd/panel_avx2.h"

namespace mmoe {
namespace {

static_assert(kLinearGroup / kPanelBlockInputs == kInt16Blocks, "a group is widened once");

// result += sums * (scale * activation_scale) for eight outputs.
inline void AddScaled(__m256& result, __m256i sums, __m256 scale, __m256 activation_scale) {
  result =
      _mm256_add_ps(result, _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_mul_ps(scale, activation_scale)));
}

// One group of `inputs` inputs, added to low[t] and high[t].
template <int kTokens>
inline void DotGroupHalf(const uint8_t* weights, int64_t inputs, const int8_t* values, __m256i* low,
                         __m256i* high) {
  for (int64_t input = 0; input < inputs; input += kLinearGroup) {
    DotHalf<kTokens>(weights + PanelBytes(input), kInt16Blocks, values + input, inputs, low, high);
  }
}

// What a token's sums of eight outputs begin with where these have zeros of their own; `offset` is that of a zero of 8.
inline __m256i ZeroOffsets(const uint8_t* zero, int32_t offset) {
  const __m256i zeros = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(zero)));
  return _mm256_mullo_epi32(zeros, _mm256_set1_epi32(offset / kWeightOffset));
}

// A dense linear's groups have 32 inputs, float16 scales and a zero of 8, which is then known to the compiler.
template <int kTokens, bool kDense>
void GroupedDotTokens(const LinearDotArgs& args) {
  const int64_t inputs = kDense ? kLinearGroup : args.group;
  __m256 result[2][2 * kTokens];  // [half][token, nibble]
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 2 * kTokens; ++i) result[half][i] = _mm256_setzero_ps();
  }
  for (int64_t group = 0; group < args.groups; ++group) {
    const uint8_t* weights = args.weight + group * PanelBytes(inputs);
    for (int64_t b = 0; b < PanelBytes(inputs); b += kPanelBlockBytes) {
      _mm_prefetch(reinterpret_cast<const char*>(args.ahead + group * PanelBytes(inputs) + b), _MM_HINT_T0);
    }
    const int64_t row = group * kTokens, column = group * kPanelOutputs;
    const F32x16 scales[2] = {LoadScales<kDense>(args, column), LoadScales<kDense>(args, column + 16)};
    for (int half = 0; half < 2; ++half) {
      __m256i low[kTokens], high[kTokens];
      for (int t = 0; t < kTokens; ++t) {
        const int32_t offset = args.tile.offsets[row + t];
        low[t] = high[t] = _mm256_set1_epi32(offset);
        if (!kDense && args.zero != nullptr) {
          low[t] = ZeroOffsets(args.zero + column + 8 * half, offset);
          high[t] = ZeroOffsets(args.zero + column + 16 + 8 * half, offset);
        }
      }
      DotGroupHalf<kTokens>(weights + half * kPanelBlockBytes / 2, inputs, args.tile.values + row * inputs,
                            low, high);
      const __m256 low_scale = half == 0 ? scales[0].low : scales[0].high;
      const __m256 high_scale = half == 0 ? scales[1].low : scales[1].high;
      for (int t = 0; t < kTokens; ++t) {
        const __m256 activation_scale = _mm256_set1_ps(args.tile.activation_scales[row + t]);
        AddScaled(result[half][2 * t], low[t], low_scale, activation_scale);
        AddScaled(result[half][2 * t + 1], high[t], high_scale, activation_scale);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    float* out = args.out + t * args.out_stride;
    Store({result[0][2 * t], result[1][2 * t]}, out);
    Store({result[0][2 * t + 1], result[1][2 * t + 1]}, out + 16);
  }
}

template <bool kDense>
void DotByTokens(const LinearDotArgs& args) {
  static constexpr void (*kByTokens[kAvx2TokenTile])(const LinearDotArgs&) = {
      GroupedDotTokens<1, kDense>,
      GroupedDotTokens<2, kDense>,
      GroupedDotTokens<3, kDense>,
      GroupedDotTokens<4, kDense>,
  };
  kByTokens[args.tile.tokens - 1](args);
}

void LinearDot(const LinearDotArgs& args) { DotByTokens<true>(args); }
void GroupedDot(const LinearDotArgs& args) { DotByTokens<false>(args); }

}  // namespace
}  // namespace mmoe
