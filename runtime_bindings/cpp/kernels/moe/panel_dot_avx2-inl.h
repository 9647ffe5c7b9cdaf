// Panel times activations in halves of 16 outputs (panel_avx2.h).

#include "kernels/simd/panel_avx2.h"

namespace mmoe {
namespace {

inline void StoreEight(__m256i sums, int32_t offset, float activation_scale, float* to) {
  const __m256i centred = _mm256_sub_epi32(sums, _mm256_set1_epi32(offset));
  _mm256_storeu_ps(to, _mm256_mul_ps(_mm256_cvtepi32_ps(centred), _mm256_set1_ps(activation_scale)));
}

template <int kTokens>
void PanelDotTokens(const PanelDotArgs& args) {
  __m256i low[2][kTokens], high[2][kTokens];
  for (int half = 0; half < 2; ++half) {
    for (int t = 0; t < kTokens; ++t) low[half][t] = high[half][t] = _mm256_setzero_si256();
  }
  const char* ahead = reinterpret_cast<const char*>(args.ahead);
  const int64_t blocks = args.inputs / kPanelBlockInputs;
  for (int64_t block = 0; block < blocks; block += kInt16Blocks) {
    const int64_t count = blocks - block < kInt16Blocks ? blocks - block : kInt16Blocks;
    const int64_t input = block * kPanelBlockInputs;
    const int8_t* x =
        args.activations + input / kActivationChunk * (kTokens * kActivationChunk) + input % kActivationChunk;
    const uint8_t* weights = args.panel + block * kPanelBlockBytes;
    for (int64_t b = 0; b < count; ++b, ahead += args.ahead_step) _mm_prefetch(ahead, _MM_HINT_T1);
    DotHalf<kTokens>(weights, count, x, kActivationChunk, low[0], high[0]);
    DotHalf<kTokens>(weights + kPanelBlockBytes / 2, count, x, kActivationChunk, low[1], high[1]);
  }
  for (int t = 0; t < kTokens; ++t) {
    const int32_t offset = kWeightOffset * args.sums[t];
    for (int half = 0; half < 2; ++half) {
      StoreEight(low[half][t], offset, args.activation_scales[t], args.outputs[t] + 8 * half);
      StoreEight(high[half][t], offset, args.activation_scales[t], args.outputs[t] + 16 + 8 * half);
    }
  }
}

void PanelDot(const PanelDotArgs& args) {
  using Function = void (*)(const PanelDotArgs&);
  static constexpr Function kByTokens[kAvx2TokenTile] = {
      PanelDotTokens<1>,
      PanelDotTokens<2>,
      PanelDotTokens<3>,
      PanelDotTokens<4>,
  };
  kByTokens[args.tokens - 1](args);
}

}  // namespace
}  // namespace mmoe
