// Panel times activations with vpdpbusd: a 64-byte load of weights is 16 outputs x 4 inputs in its low
// nibbles and 16 more in its high ones, multiplied by four broadcast activations. Bytes are multiplied whole,
// which is low + 16 high, then without their low nibbles, which is 16 high: one instruction to unpack a line
// instead of three, and the difference is due once per panel.

namespace mmoe {
namespace {

// 12 tokens x 2 accumulators leave room in 32 registers for the weights, the mask and the broadcast.
constexpr int kAvx512TokenTile = 12;

inline __m512i BroadcastFour(const int8_t* from) {
  int32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return _mm512_set1_epi32(four);
}

// Four inputs for every token. With low and high the sums of token t for outputs 0..15 and 16..31, whole[t]
// is low + 16 high modulo 2^32 and high[t] is 16 high, which fits as long as moe_ffn.cpp's widths.
template <int kTokens>
__attribute__((always_inline)) inline void DotBlock(const uint8_t* weights, const int8_t* activations,
                                                    __m512i* whole, __m512i* high) {
  const __m512i bytes = _mm512_loadu_si512(weights);
  const __m512i high_nibbles = _mm512_and_si512(bytes, _mm512_set1_epi8(static_cast<char>(0xf0)));
#pragma GCC unroll 12
  for (int t = 0; t < kTokens; ++t) {
    const __m512i x = BroadcastFour(activations + t * kActivationChunk);
    whole[t] = _mm512_dpbusd_epi32(whole[t], bytes, x);
    high[t] = _mm512_dpbusd_epi32(high[t], high_nibbles, x);
  }
}

// Activations of one input block of the first token; those of the next token follow 64 bytes on.
template <int kTokens>
inline const int8_t* BlockActivations(const int8_t* activations, uint64_t block) {
  constexpr uint64_t kChunkBlocks = kActivationChunk / kPanelBlockInputs;
  return activations + block / kChunkBlocks * (kTokens * kActivationChunk) +
         block % kChunkBlocks * kPanelBlockInputs;
}

// Takes the weights' offset off the sums and multiplies them by the scales.
template <int kTokens>
__attribute__((always_inline)) inline void StoreProducts(const PanelDotArgs& args, const __m512i* whole,
                                                         const __m512i* high) {
#pragma GCC unroll 12
  for (int t = 0; t < kTokens; ++t) {
    const __m512i offset = _mm512_set1_epi32(kWeightOffset * args.sums[t]);
    const __m512 activation_scale = _mm512_set1_ps(args.activation_scales[t]);
    const __m512i low = _mm512_sub_epi32(whole[t], high[t]);
    const __m512 first = _mm512_cvtepi32_ps(_mm512_sub_epi32(low, offset));
    const __m512 second = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_srai_epi32(high[t], 4), offset));
    _mm512_storeu_ps(args.outputs[t], _mm512_mul_ps(first, activation_scale));
    _mm512_storeu_ps(args.outputs[t] + 16, _mm512_mul_ps(second, activation_scale));
  }
}

// One flat loop over blocks: with nested loops (chunks, then blocks) GCC copied accumulators at every step.
template <int kTokens>
void PanelDotTokens(const PanelDotArgs& args) {
  // A chain of vpdpbusd is bound by its latency: with few tokens, consecutive blocks go to separate
  // accumulators. inputs is a multiple of 16, so their number divides the number of blocks.
  constexpr uint64_t kChains = kTokens == 1 ? 4 : kTokens <= 3 ? 2 : 1;
  const uint64_t blocks = static_cast<uint64_t>(args.inputs) / kPanelBlockInputs;
  __m512i whole[kChains * kTokens], high[kChains * kTokens];
#pragma GCC unroll 12
  for (uint64_t i = 0; i < kChains * kTokens; ++i) whole[i] = high[i] = _mm512_setzero_si512();
  const uint8_t* panel = args.panel;
  const char* ahead = reinterpret_cast<const char*>(args.ahead);
  uint64_t block = 0;
  do {
    const int8_t* x = BlockActivations<kTokens>(args.activations, block);
#pragma GCC unroll 4
    for (uint64_t c = 0; c < kChains; ++c) {
      const uint8_t* weights = panel + (block + c) * kPanelBlockBytes;
      _mm_prefetch(ahead, _MM_HINT_T1);
      ahead += args.ahead_step;
      DotBlock<kTokens>(weights, x + c * kPanelBlockInputs, whole + c * kTokens, high + c * kTokens);
    }
    block += kChains;
  } while (block != blocks);
#pragma GCC unroll 12
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 4
    for (uint64_t c = 1; c < kChains; ++c) {
      whole[t] = _mm512_add_epi32(whole[t], whole[c * kTokens + t]);
      high[t] = _mm512_add_epi32(high[t], high[c * kTokens + t]);
    }
  }
  StoreProducts<kTokens>(args, whole, high);
}

void PanelDot(const PanelDotArgs& args) {
  using Function = void (*)(const PanelDotArgs&);
  static constexpr Function kByTokens[kAvx512TokenTile] = {
      PanelDotTokens<1>, PanelDotTokens<2>,  PanelDotTokens<3>,  PanelDotTokens<4>,
      PanelDotTokens<5>, PanelDotTokens<6>,  PanelDotTokens<7>,  PanelDotTokens<8>,
      PanelDotTokens<9>, PanelDotTokens<10>, PanelDotTokens<11>, PanelDotTokens<12>,
  };
  kByTokens[args.tokens - 1](args);
}

}  // namespace
}  // namespace mmoe
