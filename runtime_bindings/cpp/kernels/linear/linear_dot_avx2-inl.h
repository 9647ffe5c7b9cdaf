// Panel of a dense linear times a tile of tokens, a group and half a panel at a time (panel_avx2.h).

#include "kernels/linear/linear_dot.h"
#include "kernels/simd/panel_avx2.h"

namespace mmoe {
namespace {

static_assert(kLinearGroup / kPanelBlockInputs == kInt16Blocks, "a group is widened once");

// A kernel's groups where their width, float32 scales and zeros are known at run time only. Others have as many inputs
// as the number says, float16 scales and a zero of 8, as a dense linear's 32 do.
constexpr int64_t kAnyGroup = 0;

// As LoadScales, for eight outputs.
template <int64_t kGroup>
inline __m256 LoadEightScales(const LinearDotArgs& args, int64_t at) {
  if (kGroup == kAnyGroup && args.float_scale != nullptr) return _mm256_loadu_ps(args.float_scale + at);
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(args.scale + at)));
}

// result += sums * (scale * activation_scale) for eight outputs.
inline void AddScaled(__m256& result, __m256i sums, __m256 scale, __m256 activation_scale) {
  result =
      _mm256_add_ps(result, _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_mul_ps(scale, activation_scale)));
}

// What a token's sums of eight outputs begin with where these have zeros of their own; `offset` is that of a zero of 8.
inline __m256i ZeroOffsets(const uint8_t* zero, int32_t offset) {
  const __m256i zeros = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(zero)));
  return _mm256_mullo_epi32(zeros, _mm256_set1_epi32(offset / kWeightOffset));
}

// kHalves halves of the panel from `half` on; out of line, so that the two are one loop in the code cache.
template <int kTokens, int kHalves, int64_t kGroup>
__attribute__((noinline)) void DotHalves(const LinearDotArgs& args, int half) {
  const int64_t inputs = kGroup == kAnyGroup ? args.group : kGroup;
  __m256 result[kHalves]
               [2 * kTokens];  // [half][token, nibble], in memory while int16 sums fill the registers
  for (auto& of_half : result) {
    for (__m256& eight : of_half) eight = _mm256_setzero_ps();
  }
  const uint8_t* weights = args.weight + half * kHalfBlockBytes;
  const char* ahead =
      reinterpret_cast<const char*>(args.ahead) + half * (args.groups * PanelBytes(inputs) / 2);
  const int8_t* values = args.tile.values;
  const int32_t* offsets = args.tile.offsets;
  const float* activation_scales = args.tile.activation_scales;
  for (int64_t group = 0; group < args.groups; ++group) {
    for (int64_t b = 0; b < PanelBytes(inputs) * kHalves / 2; b += kPanelBlockBytes) {
      _mm_prefetch(ahead + b, _MM_HINT_T0);
    }
    ahead += PanelBytes(inputs) * kHalves / 2;
    const int64_t column = group * kPanelOutputs + 8 * half;
    __m256i sums[kHalves][2 * kTokens];
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; ++h) {
#pragma GCC unroll 6
      for (int t = 0; t < kTokens; ++t) {
        __m256i* of_token = sums[h] + 2 * t;
        of_token[0] = of_token[1] = _mm256_set1_epi32(offsets[t]);
        if (kGroup == kAnyGroup && args.zero != nullptr) {
          of_token[0] = ZeroOffsets(args.zero + column + 8 * h, offsets[t]);
          of_token[1] = ZeroOffsets(args.zero + column + 16 + 8 * h, offsets[t]);
        }
      }
    }
    for (int64_t input = 0; input < inputs; input += kLinearGroup) {
      __m256i sums16[kHalves][2 * kTokens];
      DotBlocks<kTokens, kHalves, kInt16Blocks>(weights + PanelBytes(input), values + input, inputs, sums16);
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; ++h) {
#pragma GCC unroll 12
        for (int i = 0; i < 2 * kTokens; ++i) sums[h][i] = _mm256_add_epi32(sums[h][i], Widen(sums16[h][i]));
      }
    }
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; ++h) {
      const __m256 low_scale = LoadEightScales<kGroup>(args, column + 8 * h);
      const __m256 high_scale = LoadEightScales<kGroup>(args, column + 16 + 8 * h);
#pragma GCC unroll 6
      for (int t = 0; t < kTokens; ++t) {
        const __m256 activation_scale = _mm256_set1_ps(activation_scales[t]);
        AddScaled(result[h][2 * t], sums[h][2 * t], low_scale, activation_scale);
        AddScaled(result[h][2 * t + 1], sums[h][2 * t + 1], high_scale, activation_scale);
      }
    }
    weights += PanelBytes(inputs);
    values += kTokens * inputs;
    offsets += kTokens;
    activation_scales += kTokens;
  }
  for (int h = 0; h < kHalves; ++h) {
    for (int t = 0; t < kTokens; ++t) {
      float* out = args.out + t * args.out_stride + 8 * (half + h);
      _mm256_storeu_ps(out, result[h][2 * t]);
      _mm256_storeu_ps(out + 16, result[h][2 * t + 1]);
    }
  }
}

template <int kTokens, int64_t kGroup>
void DotTokens(const LinearDotArgs& args) {
  constexpr int kHalves = HalvesAtOnce(kTokens);
  for (int half = 0; half < 2; half += kHalves) DotHalves<kTokens, kHalves, kGroup>(args, half);
}

template <int64_t kGroup>
void DotByTokens(const LinearDotArgs& args) {
  static constexpr void (*kByTokens[kAvx2TokenTile])(const LinearDotArgs&) = {
      DotTokens<1, kGroup>, DotTokens<2, kGroup>, DotTokens<3, kGroup>,
      DotTokens<4, kGroup>, DotTokens<5, kGroup>, DotTokens<6, kGroup>,
  };
  kByTokens[args.tile.tokens - 1](args);
}

void LinearDot(const LinearDotArgs& args) { DotByTokens<kLinearGroup>(args); }

void GroupedDot(const LinearDotArgs& args) {
  const bool plain = args.float_scale == nullptr && args.zero == nullptr;
  if (plain && args.group == 64) return DotByTokens<64>(args);
  if (plain && args.group == 128) return DotByTokens<128>(args);
  DotByTokens<kAnyGroup>(args);
}

}  // namespace
}  // namespace mmoe
