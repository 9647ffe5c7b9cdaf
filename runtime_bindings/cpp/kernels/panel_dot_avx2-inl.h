// Panel times activations in halves of 16 outputs (panel_avx2.h).

#include "panel_avx2.h"

namespace mmoe {
namespace {

// Bytes ahead of the weights in use that are asked for: the hardware's own streams stop at every 4 KB page.
constexpr int64_t kPrefetchBytes = 4096;

inline void StoreEight(__m256i sums, int32_t offset, float step, float* to) {
  const __m256i centred = _mm256_sub_epi32(sums, _mm256_set1_epi32(offset));
  _mm256_storeu_ps(to, _mm256_mul_ps(_mm256_cvtepi32_ps(centred), _mm256_set1_ps(step)));
}

template <int kTokens>
void PanelDotTokens(const uint8_t* panel, int64_t inputs, const int8_t* activations, const float* steps,
                    const int32_t* sums, float* const* outputs) {
  __m256i low[2][kTokens], high[2][kTokens];
  for (int half = 0; half < 2; ++half) {
    for (int t = 0; t < kTokens; ++t) low[half][t] = high[half][t] = _mm256_setzero_si256();
  }
  // One token streams; with several there is time to fetch the next panel, but no room in the L1 cache.
  const int64_t ahead = kTokens == 1 ? kPrefetchBytes : PanelBytes(inputs);
  const int64_t blocks = inputs / kPanelBlockInputs;
  for (int64_t block = 0; block < blocks; block += kInt16Blocks) {
    const int64_t count = blocks - block < kInt16Blocks ? blocks - block : kInt16Blocks;
    const int64_t input = block * kPanelBlockInputs;
    const int8_t* x =
        activations + input / kActivationChunk * (kTokens * kActivationChunk) + input % kActivationChunk;
    const uint8_t* weights = panel + block * kPanelBlockBytes;
    for (int64_t b = 0; b < count; ++b) {
      _mm_prefetch(reinterpret_cast<const char*>(weights + b * kPanelBlockBytes + ahead),
                   kTokens == 1 ? _MM_HINT_T0 : _MM_HINT_T1);
    }
    DotHalf<kTokens>(weights, count, x, kActivationChunk, low[0], high[0]);
    DotHalf<kTokens>(weights + kPanelBlockBytes / 2, count, x, kActivationChunk, low[1], high[1]);
  }
  for (int t = 0; t < kTokens; ++t) {
    const int32_t offset = kWeightOffset * sums[t];
    for (int half = 0; half < 2; ++half) {
      StoreEight(low[half][t], offset, steps[t], outputs[t] + 8 * half);
      StoreEight(high[half][t], offset, steps[t], outputs[t] + 16 + 8 * half);
    }
  }
}

void PanelDot(const uint8_t* panel, int64_t inputs, const int8_t* activations, int tokens, const float* steps,
              const int32_t* sums, float* const* outputs) {
  using Function =
      void (*)(const uint8_t*, int64_t, const int8_t*, const float*, const int32_t*, float* const*);
  static constexpr Function kByTokens[kAvx2TokenTile] = {
      PanelDotTokens<1>,
      PanelDotTokens<2>,
      PanelDotTokens<3>,
      PanelDotTokens<4>,
  };
  kByTokens[tokens - 1](panel, inputs, activations, steps, sums, outputs);
}

}  // namespace
}  // namespace mmoe
