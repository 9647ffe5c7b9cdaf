// Panel of a dense linear times a tile of tokens, a group and half a panel at a time, behind what multiplies
// (products_avx2.h, products_avx_vnni.h).

#include "kernels/linear/linear_dot.h"

namespace mmoe {
namespace {

static_assert(kLinearGroup / kPanelBlockInputs == kBlocksAtOnce, "a group is added up at once");

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

// What the sums of group `group` begin with, for kHalves halves of the panel from `half` on: [half][token, nibble].
template <int kTokens, int kHalves, int64_t kGroup>
__attribute__((always_inline)) inline void BeginSums(const LinearDotArgs& args, int half, int64_t group,
                                                     __m256i (&sums)[kHalves][2 * kTokens]) {
  const int32_t* offsets = args.tile.offsets + group * kTokens;
  const int64_t column = group * kPanelOutputs + 8 * half;
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
}

template <int kTokens, int kHalves, int64_t kGroup>
__attribute__((always_inline)) inline void AddScaledSums(const LinearDotArgs& args, int half, int64_t group,
                                                         const __m256i (&sums)[kHalves][2 * kTokens],
                                                         __m256 (&result)[kHalves][2 * kTokens]) {
  const float* activation_scales = args.tile.activation_scales + group * kTokens;
  const int64_t column = group * kPanelOutputs + 8 * half;
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
}

template <int kTokens, int kHalves>
inline void StoreResult(const LinearDotArgs& args, int half, const __m256 (&result)[kHalves][2 * kTokens]) {
  for (int h = 0; h < kHalves; ++h) {
    for (int t = 0; t < kTokens; ++t) {
      float* out = args.out + t * args.out_stride + 8 * (half + h);
      _mm256_storeu_ps(out, result[h][2 * t]);
      _mm256_storeu_ps(out + 16, result[h][2 * t + 1]);
    }
  }
}

// kHalves halves of the panel from `half` on; out of line, so that the two are one loop in the code cache.
template <int kTokens, int kHalves, int64_t kGroup>
__attribute__((noinline)) void DotHalves(const LinearDotArgs& args, int half) {
  const int64_t inputs = kGroup == kAnyGroup ? args.group : kGroup;
  __m256 result[kHalves][2 * kTokens] = {};  // in memory while sums fill the registers
  const uint8_t* weights = args.weight + half * kHalfBlockBytes;
  const char* ahead =
      reinterpret_cast<const char*>(args.ahead) + half * (args.groups * PanelBytes(inputs) / 2);
  const int8_t* values = args.tile.values;
  for (int64_t group = 0; group < args.groups; ++group) {
    for (int64_t b = 0; b < PanelBytes(inputs) * kHalves / 2; b += kPanelBlockBytes) {
      _mm_prefetch(ahead + b, _MM_HINT_T0);
    }
    ahead += PanelBytes(inputs) * kHalves / 2;
    __m256i sums[kHalves][2 * kTokens];
    BeginSums<kTokens, kHalves, kGroup>(args, half, group, sums);
    for (int64_t input = 0; input < inputs; input += kLinearGroup) {
      AddBlocks<kTokens, kHalves, kBlocksAtOnce>(weights + PanelBytes(input), values + input, inputs, sums);
    }
    AddScaledSums<kTokens, kHalves, kGroup>(args, half, group, sums, result);
    weights += PanelBytes(inputs);
    values += kTokens * inputs;
  }
  StoreResult<kTokens, kHalves>(args, half, result);
}

// Two panels of the same shape times one token.
template <int64_t kGroup>
void DotTwo(const LinearDotArgs (&panels)[2]) {
  const int64_t inputs = kGroup == kAnyGroup ? panels[0].group : kGroup;
  __m256 result[2][2][2] = {};
  const uint8_t* weights[2] = {panels[0].weight, panels[1].weight};
  const uint8_t* ahead[2] = {panels[0].ahead, panels[1].ahead};
  const int8_t* values = panels[0].tile.values;
  for (int64_t group = 0; group < panels[0].groups; ++group) {
    __m256i sums[2][2][2];
    for (int p = 0; p < 2; ++p) BeginSums<1, 2, kGroup>(panels[p], 0, group, sums[p]);
    for (int64_t input = 0; input < inputs; input += kLinearGroup) {
      AddBlocksOfTwo<kBlocksAtOnce>(weights, {values, values}, ahead, sums);
      for (int p = 0; p < 2; ++p) {
        weights[p] += PanelBytes(kLinearGroup);
        ahead[p] += PanelBytes(kLinearGroup);
      }
      values += kLinearGroup;
    }
    for (int p = 0; p < 2; ++p) AddScaledSums<1, 2, kGroup>(panels[p], 0, group, sums[p], result[p]);
  }
  for (int p = 0; p < 2; ++p) StoreResult<1, 2>(panels[p], 0, result[p]);
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

// Whether groups are of this width, with float16 scales and a zero of 8: those have a loop of their own.
bool IsPlain(const LinearDotArgs& args, int64_t group) {
  return args.float_scale == nullptr && args.zero == nullptr && args.group == group;
}

void GroupedDot(const LinearDotArgs& args) {
  if (IsPlain(args, 64)) return DotByTokens<64>(args);
  if (IsPlain(args, 128)) return DotByTokens<128>(args);
  DotByTokens<kAnyGroup>(args);
}

void DotTwoPanels(const LinearDotArgs (&panels)[2]) {
  if (IsPlain(panels[0], kLinearGroup)) return DotTwo<kLinearGroup>(panels);
  if (IsPlain(panels[0], 64)) return DotTwo<64>(panels);
  if (IsPlain(panels[0], 128)) return DotTwo<128>(panels);
  DotTwo<kAnyGroup>(panels);
}

}  // namespace
}  // namespace mmoe
