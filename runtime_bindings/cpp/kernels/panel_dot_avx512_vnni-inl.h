// Panel times activations with vpdpbusd: one 64-byte load of weights gives two registers of 16 outputs x 4
// inputs (low and high nibbles), each multiplied by four broadcast activations.

namespace mmoe {
namespace {

// 12 tokens x 2 accumulators leave room in 32 registers for the weights, the mask and the broadcast.
constexpr int kAvx512TokenTile = 12;

// Bytes ahead of the weights in use that are asked for: the hardware's own streams stop at every 4 KB page.
constexpr int64_t kPrefetchBytes = 2048;

inline __m512i BroadcastFour(const int8_t* from) {
  int32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return _mm512_set1_epi32(four);
}

template <int kTokens>
struct Accumulators {
  __m512i low[kTokens], high[kTokens];
};

// One input block (four inputs) of the panel for every token.
template <int kTokens>
inline void DotBlock(const uint8_t* weights, const int8_t* activations, Accumulators<kTokens>& sums) {
  const __m512i mask = _mm512_set1_epi8(15);
  const __m512i bytes = _mm512_loadu_si512(weights);
  const __m512i low = _mm512_and_si512(bytes, mask);
  const __m512i high = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), mask);
#pragma GCC unroll 12
  for (int t = 0; t < kTokens; ++t) {
    const __m512i x = BroadcastFour(activations + t * kActivationChunk);
    sums.low[t] = _mm512_dpbusd_epi32(sums.low[t], low, x);
    sums.high[t] = _mm512_dpbusd_epi32(sums.high[t], high, x);
  }
}

template <int kTokens>
void PanelDotTokens(const uint8_t* panel, int64_t inputs, const int8_t* activations, const float* steps,
                    const int32_t* sums, float* const* outputs) {
  // A chain of vpdpbusd is bound by its latency: with few tokens, consecutive blocks go to separate
  // accumulators.
  constexpr int kChains = kTokens == 1 ? 4 : kTokens <= 3 ? 2 : 1;
  Accumulators<kTokens> chains[kChains];
#pragma GCC unroll 4
  for (int c = 0; c < kChains; ++c) {
#pragma GCC unroll 12
    for (int t = 0; t < kTokens; ++t) chains[c].low[t] = chains[c].high[t] = _mm512_setzero_si512();
  }
  for (; inputs > 0; inputs -= kActivationChunk, activations += kTokens * kActivationChunk) {
    const int64_t blocks = (inputs < kActivationChunk ? inputs : kActivationChunk) / kPanelBlockInputs;
    int64_t block = 0;
    for (; block + kChains <= blocks; block += kChains) {
#pragma GCC unroll 4
      for (int c = 0; c < kChains; ++c) {
        if (kTokens == 1) _mm_prefetch(panel + c * kPanelBlockBytes + kPrefetchBytes, _MM_HINT_T0);
        DotBlock<kTokens>(panel + c * kPanelBlockBytes, activations + (block + c) * kPanelBlockInputs,
                          chains[c]);
      }
      panel += kChains * kPanelBlockBytes;
    }
    for (; block < blocks; ++block, panel += kPanelBlockBytes) {
      DotBlock<kTokens>(panel, activations + block * kPanelBlockInputs, chains[0]);
    }
  }
#pragma GCC unroll 12
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
    for (int c = 1; c < kChains; ++c) {
      chains[0].low[t] = _mm512_add_epi32(chains[0].low[t], chains[c].low[t]);
      chains[0].high[t] = _mm512_add_epi32(chains[0].high[t], chains[c].high[t]);
    }
    const __m512i offset = _mm512_set1_epi32(kWeightOffset * sums[t]);
    const __m512 step = _mm512_set1_ps(steps[t]);
    const __m512 low = _mm512_cvtepi32_ps(_mm512_sub_epi32(chains[0].low[t], offset));
    const __m512 high = _mm512_cvtepi32_ps(_mm512_sub_epi32(chains[0].high[t], offset));
    _mm512_storeu_ps(outputs[t], _mm512_mul_ps(low, step));
    _mm512_storeu_ps(outputs[t] + 16, _mm512_mul_ps(high, step));
  }
}

void PanelDot(const uint8_t* panel, int64_t inputs, const int8_t* activations, int tokens, const float* steps,
              const int32_t* sums, float* const* outputs) {
  using Function =
      void (*)(const uint8_t*, int64_t, const int8_t*, const float*, const int32_t*, float* const*);
  static constexpr Function kByTokens[kAvx512TokenTile] = {
      PanelDotTokens<1>, PanelDotTokens<2>,  PanelDotTokens<3>,  PanelDotTokens<4>,
      PanelDotTokens<5>, PanelDotTokens<6>,  PanelDotTokens<7>,  PanelDotTokens<8>,
      PanelDotTokens<9>, PanelDotTokens<10>, PanelDotTokens<11>, PanelDotTokens<12>,
  };
  kByTokens[tokens - 1](panel, inputs, activations, steps, sums, outputs);
}

}  // namespace
}  // namespace mmoe
