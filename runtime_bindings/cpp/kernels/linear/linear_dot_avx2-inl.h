// Panel of a dense linear times a tile of tokens, a group and half a panel at a time (panel_avx2.h).

#include "kernels/linear/linear_dot.h"
#include "kernels/simd/panel_avx2.h"

namespace mmoe {
namespace {

static_assert(kLinearGroup / kPanelBlockInputs == kInt16Blocks, "a group is widened once");

// result += sums * (scale * activation_scale) for eight outputs.
inline void AddScaled(__m256& result, __m256i sums, __m256 scale, __m256 activation_scale) {
  result =
      _mm256_add_ps(result, _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_mul_ps(scale, activation_scale)));
}

template <int kTokens>
void LinearDotTokens(const LinearDotArgs& args) {
  __m256 result[2][2 * kTokens];  // [half][token, nibble]
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 2 * kTokens; ++i) result[half][i] = _mm256_setzero_ps();
  }
  for (int64_t group = 0; group < args.groups; ++group) {
    const uint8_t* weights = args.weight + group * PanelBytes(kLinearGroup);
    for (int64_t b = 0; b < PanelBytes(kLinearGroup); b += kPanelBlockBytes) {
      _mm_prefetch(reinterpret_cast<const char*>(args.ahead + group * PanelBytes(kLinearGroup) + b),
                   _MM_HINT_T0);
    }
    const int64_t row = group * kTokens;
    const F32x16 scales[2] = {LoadFloat16(args.scale + group * kPanelOutputs),
                              LoadFloat16(args.scale + group * kPanelOutputs + 16)};
    for (int half = 0; half < 2; ++half) {
      __m256i low[kTokens], high[kTokens];
      for (int t = 0; t < kTokens; ++t) low[t] = high[t] = _mm256_set1_epi32(args.tile.offsets[row + t]);
      DotHalf<kTokens>(weights + half * kPanelBlockBytes / 2, kInt16Blocks,
                       args.tile.values + row * kLinearGroup, kLinearGroup, low, high);
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

void LinearDot(const LinearDotArgs& args) {
  static constexpr void (*kByTokens[kAvx2TokenTile])(const LinearDotArgs&) = {
      LinearDotTokens<1>,
      LinearDotTokens<2>,
      LinearDotTokens<3>,
      LinearDotTokens<4>,
  };
  kByTokens[args.tile.tokens - 1](args);
}

}  // namespace
}  // namespace mmoe
