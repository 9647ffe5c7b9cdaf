// Panel of a dense linear times a tile of tokens with usmmla: 2 outputs x 8 inputs times 8 inputs x 2 tokens. Sums stay
// pairs of outputs by pairs of tokens while the scales of all groups are applied, and are parted into rows once, at
// the end: the float work on a group's sums is then the same as with sdot, and the products take half.

#include "kernels/linear/grouped_sdot-inl.h"

namespace mmoe {
namespace {

// 3 pairs of tokens x 4 pairs of outputs are 12 integer and 12 float accumulators, which leave 8 registers.
constexpr int kI8mmLinearTile = 6;

// Quads that fit the registers at once.
constexpr int I8mmLinearQuads(int tokens) { return tokens <= 2 ? 2 : 1; }

// Pairs of a quad's outputs: two of its low nibbles, then two of its high ones.
constexpr int kQuadPairs = 4;

// Two neighbours as {first, second, first, second}; of an odd last token {first, first, first, first}.
template <bool kAlone>
inline int64x2_t LoadPair(const void* from) {
  if (kAlone) {
    int32_t one;
    __builtin_memcpy(&one, from, sizeof one);
    return vreinterpretq_s64_s32(vdupq_n_s32(one));
  }
  int64_t pair;
  __builtin_memcpy(&pair, from, sizeof pair);
  return vdupq_n_s64(pair);
}

// Weights of one quad, 8 inputs: two blocks, whose 4-byte lanes are interleaved.
struct PairedWeights {
  uint8x16_t pairs[kQuadPairs];  // [output][8]
};

__attribute__((always_inline)) inline PairedWeights LoadPairedWeights(const uint8_t* from) {
  const uint32x4_t a = vreinterpretq_u32_u8(vld1q_u8(from));
  const uint32x4_t b = vreinterpretq_u32_u8(vld1q_u8(from + kPanelBlockBytes));
  const uint8x16_t first = vreinterpretq_u8_u32(vzip1q_u32(a, b));
  const uint8x16_t second = vreinterpretq_u8_u32(vzip2q_u32(a, b));
  const uint8x16_t mask = vdupq_n_u8(15);
  return {{vandq_u8(first, mask), vandq_u8(second, mask), vshrq_n_u8(first, 4), vshrq_n_u8(second, 4)}};
}

// Adds 16 inputs of kQuads quads, for all pairs of tokens: sums[quad][pair of tokens][pair of outputs].
template <int kTokens, int kQuads>
__attribute__((always_inline)) inline void AddPairs(const uint8_t* weights, const int8_t* x,
                                                    int64_t token_stride,
                                                    int32x4_t (*sums)[(kTokens + 1) / 2][kQuadPairs]) {
#pragma GCC unroll 2
  for (int q = 0; q < kQuads; ++q) {
    const PairedWeights first = LoadPairedWeights(weights + q * kQuadBytes);
    const PairedWeights second = LoadPairedWeights(weights + q * kQuadBytes + 2 * kPanelBlockBytes);
#pragma GCC unroll 3
    for (int p = 0; p < (kTokens + 1) / 2; ++p) {
      // An odd last token is its own partner.
      const int8_t* from = x + 2 * p * token_stride;
      const int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(from));
      const int64x2_t b = 2 * p + 1 < kTokens ? vreinterpretq_s64_s8(vld1q_s8(from + token_stride)) : a;
      const int8x16_t first_x = vreinterpretq_s8_s64(vzip1q_s64(a, b));
      const int8x16_t second_x = vreinterpretq_s8_s64(vzip2q_s64(a, b));
#pragma GCC unroll 4
      for (int o = 0; o < kQuadPairs; ++o)
        sums[q][p][o] = vusmmlaq_s32(sums[q][p][o], first.pairs[o], first_x);
#pragma GCC unroll 4
      for (int o = 0; o < kQuadPairs; ++o)
        sums[q][p][o] = vusmmlaq_s32(sums[q][p][o], second.pairs[o], second_x);
    }
  }
}

// What the sums of four outputs begin with for a pair of tokens, outputs 0 and 1, then 2 and 3; `offsets` are those of a
// zero of 8.
template <bool kDense>
inline void PairOffsets(const LinearDotArgs& args, int64_t at, int32x4_t offsets, int32x4_t* to) {
  if (kDense || args.zero == nullptr) {
    to[0] = to[1] = offsets;
    return;
  }
  const uint8_t* zero = args.zero + at;
  const int32x4_t eighths = vshrq_n_s32(offsets, 3);
  static_assert(kWeightOffset == 1 << 3, "offsets are multiples of it");
  for (int part = 0; part < 2; ++part) {
    const int32_t zeros[4] = {zero[2 * part], zero[2 * part], zero[2 * part + 1], zero[2 * part + 1]};
    to[part] = vmulq_s32(vld1q_s32(zeros), eighths);
  }
}

// kQuads quads from `quad` on.
template <int kTokens, int kQuads, bool kDense>
inline void LinearPairs(const LinearDotArgs& args, int quad) {
  constexpr int kPairs = (kTokens + 1) / 2;
  const int64_t inputs = kDense ? kLinearGroup : args.group;
  float32x4_t results[kQuads][kPairs][kQuadPairs];
  for (auto& of_quad : results) {
    for (auto& of_pair : of_quad) {
      for (float32x4_t& four : of_pair) four = vdupq_n_f32(0.0f);
    }
  }
  for (int64_t group = 0; group < args.groups; ++group) {
    const int64_t row = group * kTokens, column = group * kPanelOutputs + 4 * quad;
    int32x4_t sums[kQuads][kPairs][kQuadPairs];
#pragma GCC unroll 2
    for (int q = 0; q < kQuads; ++q) {
#pragma GCC unroll 3
      for (int p = 0; p < kPairs; ++p) {
        const int32_t* from = args.tile.offsets + row + 2 * p;
        const int32x4_t offsets =
            vreinterpretq_s32_s64(2 * p + 1 < kTokens ? LoadPair<false>(from) : LoadPair<true>(from));
        PairOffsets<kDense>(args, column + 4 * q, offsets, sums[q][p]);
        PairOffsets<kDense>(args, column + 4 * q + 16, offsets, sums[q][p] + 2);
      }
    }
    for (int64_t input = 0; input < inputs; input += kLinearGroup) {
      const int64_t at = PanelBytes(group * inputs + input);
      if (quad == 0) PrefetchBlocks<kLinearGroup>(args.ahead + at);
      const uint8_t* weights = args.weight + at + quad * kQuadBytes;
      const int8_t* x = args.tile.values + row * inputs + input;
      AddPairs<kTokens, kQuads>(weights, x, inputs, sums);
      AddPairs<kTokens, kQuads>(weights + PanelBytes(kStepInputs), x + kStepInputs, inputs, sums);
    }
    float32x4_t activation_scales[kPairs];
#pragma GCC unroll 3
    for (int p = 0; p < kPairs; ++p) {
      const float* from = args.tile.activation_scales + row + 2 * p;
      activation_scales[p] =
          vreinterpretq_f32_s64(2 * p + 1 < kTokens ? LoadPair<false>(from) : LoadPair<true>(from));
    }
#pragma GCC unroll 2
    for (int q = 0; q < kQuads; ++q) {
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        const float32x4_t scales = LoadFourScales<kDense>(args, column + 4 * q + 16 * half);
        const float32x4_t pairs[2] = {vzip1q_f32(scales, scales), vzip2q_f32(scales, scales)};
#pragma GCC unroll 3
        for (int p = 0; p < kPairs; ++p) {
#pragma GCC unroll 2
          for (int part = 0; part < 2; ++part) {
            float32x4_t& result = results[q][p][2 * half + part];
            const float32x4_t of_sums = vcvtq_f32_s32(sums[q][p][2 * half + part]);
            result = vaddq_f32(result, vmulq_f32(of_sums, vmulq_f32(pairs[part], activation_scales[p])));
          }
        }
      }
    }
  }
  for (int q = 0; q < kQuads; ++q) {
    for (int p = 0; p < kPairs; ++p) {
      const float32x4_t* pairs = results[q][p];
      float* to = args.out + 2 * p * args.out_stride + 4 * (quad + q);
      vst1q_f32(to, vuzp1q_f32(pairs[0], pairs[1]));
      vst1q_f32(to + 16, vuzp1q_f32(pairs[2], pairs[3]));
      if (2 * p + 1 == kTokens) continue;
      vst1q_f32(to + args.out_stride, vuzp2q_f32(pairs[0], pairs[1]));
      vst1q_f32(to + args.out_stride + 16, vuzp2q_f32(pairs[2], pairs[3]));
    }
  }
}

template <int kTokens, bool kDense>
void PairedDotTokens(const LinearDotArgs& args) {
  constexpr int kQuads = I8mmLinearQuads(kTokens);
  for (int quad = 0; quad < kPanelQuads; quad += kQuads) LinearPairs<kTokens, kQuads, kDense>(args, quad);
}

template <bool kDense>
void DotByPairs(const LinearDotArgs& args) {
  static constexpr void (*kByTokens[kI8mmLinearTile])(const LinearDotArgs&) = {
      // One token would waste half of every usmmla, the third of three a quarter: 178 instead of 196 instructions for 1,000
      // multiply-adds.
      GroupedDotTokens<1, kDense>, PairedDotTokens<2, kDense>, GroupedDotTokens<3, kDense>,
      PairedDotTokens<4, kDense>,  PairedDotTokens<5, kDense>, PairedDotTokens<6, kDense>,
  };
  kByTokens[args.tile.tokens - 1](args);
}

void LinearDot(const LinearDotArgs& args) { DotByPairs<true>(args); }
void GroupedDot(const LinearDotArgs& args) { DotByPairs<false>(args); }

}  // namespace
}  // namespace mmoe
