// Panel times activations in halves of 16 outputs, behind what multiplies (products_avx2.h, products_avx_vnni.h).

namespace mmoe {
namespace {

inline void StoreEight(__m256i sums, int32_t offset, float activation_scale, float* to) {
  const __m256i centred = _mm256_sub_epi32(sums, _mm256_set1_epi32(offset));
  _mm256_storeu_ps(to, _mm256_mul_ps(_mm256_cvtepi32_ps(centred), _mm256_set1_ps(activation_scale)));
}

// Adds kBlocks blocks from `block` on to the sums.
template <int kTokens, int kHalves, int kBlocks>
__attribute__((always_inline)) inline void AddBlocksFrom(const PanelDotArgs& args, int half, int64_t block,
                                                         __m256i (&sums)[kHalves][2 * kTokens]) {
  const int64_t input = block * kPanelBlockInputs;
  const int8_t* x =
      args.activations + input / kActivationChunk * (kTokens * kActivationChunk) + input % kActivationChunk;
  AddPanelBlocks<kTokens, kHalves, kBlocks>(args.panel + block * kPanelBlockBytes + half * kHalfBlockBytes, x,
                                            kActivationChunk, sums);
}

// kHalves halves of the panel from `half` on; out of line, so that the two are one loop in the code cache.
template <int kTokens, int kHalves>
__attribute__((noinline)) void DotHalves(const PanelDotArgs& args, int half) {
  __m256i sums[kHalves][2 * kTokens];
  for (auto& of_half : sums) {
    for (__m256i& eight : of_half) eight = _mm256_setzero_si256();
  }
  const int64_t blocks = args.inputs / kPanelBlockInputs;
  const char* ahead = reinterpret_cast<const char*>(args.ahead) + half * (args.ahead_step * blocks / 2);
  int64_t block = 0;
  for (; block + kBlocksAtOnce <= blocks; block += kBlocksAtOnce) {
    for (int b = 0; b < kBlocksAtOnce * kHalves / 2; ++b, ahead += args.ahead_step) {
      _mm_prefetch(ahead, _MM_HINT_T1);
    }
    AddBlocksFrom<kTokens, kHalves, kBlocksAtOnce>(args, half, block, sums);
  }
  // Inputs are a multiple of 16.
  if (block < blocks) AddBlocksFrom<kTokens, kHalves, kBlocksAtOnce / 2>(args, half, block, sums);
  for (int h = 0; h < kHalves; ++h) {
    for (int t = 0; t < kTokens; ++t) {
      const int32_t offset = kWeightOffset * args.sums[t];
      FinishPanelSums(sums[h] + 2 * t);
      float* out = args.outputs[t] + 8 * (half + h);
      StoreEight(sums[h][2 * t], offset, args.activation_scales[t], out);
      StoreEight(sums[h][2 * t + 1], offset, args.activation_scales[t], out + 16);
    }
  }
}

template <int kTokens>
void PanelDotTokens(const PanelDotArgs& args) {
  constexpr int kHalves = HalvesAtOnce(kTokens);
  for (int half = 0; half < 2; half += kHalves) DotHalves<kTokens, kHalves>(args, half);
}

void PanelDot(const PanelDotArgs& args) {
  using Function = void (*)(const PanelDotArgs&);
  static constexpr Function kByTokens[kAvx2TokenTile] = {
      PanelDotTokens<1>, PanelDotTokens<2>, PanelDotTokens<3>,
      PanelDotTokens<4>, PanelDotTokens<5>, PanelDotTokens<6>,
  };
  kByTokens[args.tokens - 1](args);
}

}  // namespace
}  // namespace mmoe
