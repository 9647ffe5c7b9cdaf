// Panel of a dense linear times a tile of tokens as outer products. A group's sums are in two tiles of ZA, low and high
// nibbles; luti4 makes q - 8 of nibbles, so that they need no offset, and what the scales make of them is added to the
// other two tiles.

#include "kernels/linear/grouped_sdot-inl.h"
#include "kernels/linear/linear_dot.h"
#include "kernels/simd/panel_sme2.h"

namespace mmoe {
namespace {

constexpr int kSme2LinearTile = 64;

enum Sme2LinearTileOfZa { kLowSums = 0, kHighSums = 1, kLowResults = 2, kHighResults = 3 };

// For svzero_mask_za: the two tiles of sums.
constexpr uint64_t kZeroSums = 0x33;

// What luti4 gives for a nibble: with or without the zero of 8.
alignas(64) constexpr int32_t kCentred[16] = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};
alignas(64) constexpr int32_t kNibbles[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// Most lanes that a vector may have, at 2,048 bits.
constexpr int64_t kMostLanes = 64;

// Tokens first..first+count-1 of a tile, at most L, and a part of the outputs.
struct LinearGroup {
  int64_t first;
  int64_t count;
  ColumnPart part;
};

__attribute__((always_inline)) inline void AddLinearBlock(
    svuint8_t weights, svint32_t x, svbool_t rows,
    svbool_t columns) __arm_streaming __arm_inout("za") __arm_in("zt0") {
  const svint8x2_t nibbles = svuzp_s8_x2(svluti4_lane_zt_s8_x2(0, weights, 0));
  svmopa_za32_s8_m(kLowSums, rows, columns, svreinterpret_s8(x), svget2(nibbles, 0));
  svmopa_za32_s8_m(kHighSums, rows, columns, svreinterpret_s8(x), svget2(nibbles, 1));
}

// 32 inputs of the tokens, whose rows of 32 bytes follow each other at x.
template <bool kWhole>
__attribute__((always_inline)) inline void AddThirtyTwo(
    const uint8_t* weights, const int8_t* x, int64_t count,
    svbool_t columns) __arm_streaming __arm_inout("za") __arm_in("zt0") {
  const svbool_t rows = svwhilelt_b8_s64(0, 4 * count);
  // Eight words of each token: eight registers if there are L of them. The second four have the later tokens.
  const int64_t words = 8 * count, quad = 4 * Lanes();
  const int32_t* from = reinterpret_cast<const int32_t*>(x);
  const svint32x4_t a = svuzp_s32_x4(svld1_s32_x4(svwhilelt_c32_s64(0, words, 4), from));
  const svint32x4_t b = svuzp_s32_x4(svld1_s32_x4(svwhilelt_c32_s64(quad, words, 4), from + quad));
  // Words k and k + 4 of all tokens.
  const svint32x2_t x04 = svuzp_s32_x2(svcreate2_s32(svget4(a, 0), svget4(b, 0)));
  const svint32x2_t x15 = svuzp_s32_x2(svcreate2_s32(svget4(a, 1), svget4(b, 1)));
  const svint32x2_t x26 = svuzp_s32_x2(svcreate2_s32(svget4(a, 2), svget4(b, 2)));
  const svint32x2_t x37 = svuzp_s32_x2(svcreate2_s32(svget4(a, 3), svget4(b, 3)));
  const svuint8x4_t blocks = LoadFourBlocks<kWhole>(weights, columns);
  AddLinearBlock(svget4(blocks, 0), svget2(x04, 0), rows, columns);
  AddLinearBlock(svget4(blocks, 1), svget2(x15, 0), rows, columns);
  AddLinearBlock(svget4(blocks, 2), svget2(x26, 0), rows, columns);
  AddLinearBlock(svget4(blocks, 3), svget2(x37, 0), rows, columns);
  const svuint8x4_t more = LoadFourBlocks<kWhole>(weights + kStepBlocks * kPanelBlockBytes, columns);
  AddLinearBlock(svget4(more, 0), svget2(x04, 1), rows, columns);
  AddLinearBlock(svget4(more, 1), svget2(x15, 1), rows, columns);
  AddLinearBlock(svget4(more, 2), svget2(x26, 1), rows, columns);
  AddLinearBlock(svget4(more, 3), svget2(x37, 1), rows, columns);
}

// `count` rows of 32 bytes, `stride` bytes apart, to rows that follow each other.
__attribute__((always_inline)) inline void GatherRows(const int8_t* from, int64_t stride, int64_t count,
                                                      int8_t* to) __arm_streaming {
  const int64_t step = static_cast<int64_t>(svcntb());
  for (int64_t t = 0; t < count; ++t) {
    for (int64_t i = 0; i < kLinearGroup; i += step) {
      const svbool_t inside = svwhilelt_b8_s64(i, kLinearGroup);
      svst1_s8(inside, to + t * kLinearGroup + i, svld1_s8(inside, from + t * stride + i));
    }
  }
}

// Scales of a part's outputs; `at` counts the scales of the panel.
template <bool kDense>
__attribute__((always_inline)) inline svfloat32_t PartScales(const LinearDotArgs& args, int64_t at,
                                                             svbool_t columns) __arm_streaming {
  if (!kDense && args.float_scale != nullptr) return svld1_f32(columns, args.float_scale + at);
  const svuint32_t halves = svld1uh_u32(columns, args.scale + at);
  return svcvt_f32_f16_x(svptrue_b32(), svreinterpret_f16_u32(halves));
}

// One of a tile's four rows, r + q * L / 4: its sums times (scale * activation_scale).
__attribute__((always_inline)) inline svfloat32_t ScaledRow(svfloat32_t sums, svfloat32_t scale,
                                                            const float* activation_scale) __arm_streaming {
  const svbool_t all = svptrue_b32();
  return svmul_f32_x(all, sums, svmul_n_f32_x(all, scale, *activation_scale));
}

// Adds what the zeros of its outputs make of a row: zeros * (-sum of the activations).
__attribute__((always_inline)) inline svint32_t WithZeros(svint32_t sums, svint32_t zeros,
                                                          const int32_t* offset) __arm_streaming {
  return svmla_n_s32_x(svptrue_b32(), sums, zeros, *offset);
}

// Adds a group's scaled sums of one nibble to the results. ZA is read and added to in fours of rows, L / 4 apart.
// zeros are used only if `offsets`, which are those of a zero of 1, is not nullptr.
template <int kSums, int kResults, bool kDense>
__attribute__((always_inline)) inline void AddResults(svfloat32_t scale, svint32_t zeros,
                                                      const float* activation_scales, const int32_t* offsets,
                                                      int64_t lanes) __arm_streaming __arm_inout("za") {
  const int64_t quarter = lanes / 4;
  for (int64_t r = 0; r < quarter; ++r) {
    const uint32_t slice = static_cast<uint32_t>(4 * r);
    svint32x4_t sums = svread_za32_s32_vg1x4(slice + kSums);
    if (!kDense && offsets != nullptr) {
      sums = svcreate4_s32(WithZeros(svget4(sums, 0), zeros, offsets + r),
                           WithZeros(svget4(sums, 1), zeros, offsets + r + quarter),
                           WithZeros(svget4(sums, 2), zeros, offsets + r + 2 * quarter),
                           WithZeros(svget4(sums, 3), zeros, offsets + r + 3 * quarter));
    }
    const svfloat32x4_t values = svcvt_f32_s32_x4(sums);
    const float* a = activation_scales + r;
    svadd_za32_f32_vg1x4(slice + kResults,
                         svcreate4_f32(ScaledRow(svget4(values, 0), scale, a),
                                       ScaledRow(svget4(values, 1), scale, a + quarter),
                                       ScaledRow(svget4(values, 2), scale, a + 2 * quarter),
                                       ScaledRow(svget4(values, 3), scale, a + 3 * quarter)));
  }
}

template <bool kWhole, bool kDense>
inline void DotLinearGroup(const LinearDotArgs& args,
                           const LinearGroup& group) __arm_streaming __arm_inout("za") __arm_in("zt0") {
  const int64_t inputs = kDense ? kLinearGroup : args.group, lanes = Lanes();
  const svbool_t bytes = svwhilelt_b8_s64(0, 4 * group.part.count);
  const svbool_t columns = svwhilelt_b32_s64(0, group.part.count);
  const svbool_t tokens = svwhilelt_b32_s64(0, group.count), all = svptrue_b32();
  // Of the group's tokens, zero behind them.
  float activation_scales[kMostLanes];
  int32_t offsets[kMostLanes];
  svzero_za();
  for (int64_t g = 0; g < args.groups; ++g) {
    const int64_t row = g * args.tile.tokens + group.first;
    const int8_t* x = args.tile.values + row * inputs;
    const uint8_t* weights = args.weight + PanelBytes(g * inputs) + 4 * group.part.first;
    svzero_mask_za(kZeroSums);
    if (inputs == kLinearGroup) {
      AddThirtyTwo<kWhole>(weights, x, group.count, bytes);
    } else {
      alignas(64) int8_t gathered[kMostLanes * kLinearGroup];
      for (int64_t i = 0; i < inputs; i += kLinearGroup) {
        GatherRows(x + i, inputs, group.count, gathered);
        AddThirtyTwo<kWhole>(weights + PanelBytes(i), gathered, group.count, bytes);
      }
    }
    svst1_f32(all, activation_scales, svld1_f32(tokens, args.tile.activation_scales + row));
    const int64_t at = g * kPanelOutputs + group.part.first;
    svint32_t low_zeros = svdup_s32(0), high_zeros = low_zeros;
    const bool has_zeros = !kDense && args.zero != nullptr;
    if (has_zeros) {
      low_zeros = svld1ub_s32(columns, args.zero + at);
      high_zeros = svld1ub_s32(columns, args.zero + at + 16);
      // Multiples of eight.
      const svint32_t of_one = svasr_n_s32_x(all, svld1_s32(tokens, args.tile.offsets + row), 3);
      svst1_s32(all, offsets, of_one);
    }
    const int32_t* zero_offsets = has_zeros ? offsets : nullptr;
    AddResults<kLowSums, kLowResults, kDense>(PartScales<kDense>(args, at, columns), low_zeros,
                                              activation_scales, zero_offsets, lanes);
    AddResults<kHighSums, kHighResults, kDense>(PartScales<kDense>(args, at + 16, columns), high_zeros,
                                                activation_scales, zero_offsets, lanes);
  }
  for (int64_t t = 0; t < group.count; ++t) {
    float* to = args.out + (group.first + t) * args.out_stride + group.part.first;
    const uint32_t slice = static_cast<uint32_t>(t);
    svst1_f32(columns, to, svread_hor_za32_f32_m(svundef_f32(), all, kLowResults, slice));
    svst1_f32(columns, to + 16, svread_hor_za32_f32_m(svundef_f32(), all, kHighResults, slice));
  }
}

template <bool kWhole, bool kDense>
__attribute__((noinline)) void StreamLinear(const LinearDotArgs& args) __arm_streaming __arm_inout(
    "za") __arm_inout("zt0") {
  svldr_zt(0, kDense || args.zero == nullptr ? kCentred : kNibbles);
  const int64_t lanes = Lanes();
  for (int64_t first = 0; first < args.tile.tokens; first += lanes) {
    const int64_t count = Smaller(lanes, args.tile.tokens - first);
    for (int64_t column = 0; column < 16; column += lanes) {
      DotLinearGroup<kWhole, kDense>(args, {first, count, {column, Smaller(lanes, 16 - column)}});
    }
  }
}

// Enters streaming mode, which the calls within do not leave; without an unwind table, as PanelDots.
template <bool kDense>
__arm_new("za", "zt0") __attribute__((noinline, nouwtable)) void StreamedDot(const LinearDotArgs& args) {
  if (svcntsb() == kPanelBlockBytes) {
    StreamLinear<true, kDense>(args);
  } else {
    StreamLinear<false, kDense>(args);
  }
}

// One token is bound by memory, and the threads of a cluster share what runs in streaming mode.
void LinearDot(const LinearDotArgs& args) {
  if (args.tile.tokens == 1) {
    GroupedDotTokens<1, true>(args);
  } else {
    StreamedDot<true>(args);
  }
}

void GroupedDot(const LinearDotArgs& args) {
  if (args.tile.tokens == 1) {
    GroupedDotTokens<1, false>(args);
  } else {
    StreamedDot<false>(args);
  }
}

}  // namespace
}  // namespace mmoe
