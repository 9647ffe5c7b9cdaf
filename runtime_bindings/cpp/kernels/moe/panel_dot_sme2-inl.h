// Panel times activations as outer products: sumopa adds L tokens x 4 inputs times 4 inputs x L outputs to a tile of ZA.
// As with usmmla, bytes are multiplied whole, as low + 16 * high, and the high nibbles again: that takes one
// instruction to unpack a block, a table look-up two, because a panel's bytes pair outputs j and 16 + j.

#include "kernels/moe/panel_dot_sdot-inl.h"
#include "kernels/simd/panel_sme2.h"

namespace mmoe {
namespace {

// Four tiles of tokens at 512 bits: the rows that a long prompt's experts have, in one piece.
constexpr int kSme2TokenTile = 64;

// Even and odd blocks go to separate tiles, because a chain of outer products is bound by its latency.
enum Sme2Tile { kWholeEven = 0, kHighEven = 1, kWholeOdd = 2, kHighOdd = 3 };

template <int kWholeTile, int kHighTile>
__attribute__((always_inline)) inline void AddBlock(svuint8_t weights, svint32_t x, svbool_t rows,
                                                    svbool_t columns) __arm_streaming __arm_inout("za") {
  const svint8_t activations = svreinterpret_s8(x);
  svsumopa_za32_s8_m(kWholeTile, rows, columns, activations, weights);
  svsumopa_za32_s8_m(kHighTile, rows, columns, activations, svlsr_n_u8_x(svptrue_b8(), weights, 4));
}

// Four blocks of inputs; x_k has word k of every token's 16 inputs in its register kStep.
template <bool kWhole, int kStep>
__attribute__((always_inline)) inline void AddStep(const uint8_t* weights, svint32x4_t x0, svint32x4_t x1,
                                                   svint32x4_t x2, svint32x4_t x3, svbool_t rows,
                                                   svbool_t columns) __arm_streaming __arm_inout("za") {
  const svuint8x4_t blocks = LoadFourBlocks<kWhole>(weights + kStep * PanelBytes(kStepInputs), columns);
  AddBlock<kWholeEven, kHighEven>(svget4(blocks, 0), svget4(x0, kStep), rows, columns);
  AddBlock<kWholeOdd, kHighOdd>(svget4(blocks, 1), svget4(x1, kStep), rows, columns);
  AddBlock<kWholeEven, kHighEven>(svget4(blocks, 2), svget4(x2, kStep), rows, columns);
  AddBlock<kWholeOdd, kHighOdd>(svget4(blocks, 3), svget4(x3, kStep), rows, columns);
}

// Word k, k + 4, k + 8 and k + 12 of every token, from four registers of which each has these of a quarter of the tokens.
#define MMOE_WORDS(k) svuzp_s32_x4(svcreate4_s32(svget4(a, k), svget4(b, k), svget4(c, k), svget4(d, k)))

// Sums of tokens first..first+count-1, at most L, for one part of the outputs.
template <bool kWhole>
inline void SumGroup(const PanelDotArgs& args, int64_t first, int64_t count,
                     ColumnPart part) __arm_streaming __arm_inout("za") {
  const svbool_t rows = svwhilelt_b8_s64(0, 4 * count), columns = svwhilelt_b8_s64(0, 4 * part.count);
  // A chunk of the group: 16 words of each token, 16 registers if there are L tokens, none of it read beyond them.
  const int64_t words = 16 * count, quad = 4 * Lanes();
  const svcount_t inside0 = svwhilelt_c32_s64(0, words, 4), inside1 = svwhilelt_c32_s64(quad, words, 4);
  const svcount_t inside2 = svwhilelt_c32_s64(2 * quad, words, 4);
  const svcount_t inside3 = svwhilelt_c32_s64(3 * quad, words, 4);
  const uint8_t* weights = args.panel + 4 * part.first;
  const int32_t* x = reinterpret_cast<const int32_t*>(args.activations + first * kActivationChunk);
  svzero_za();
  for (int64_t left = args.inputs; left > 0; left -= kActivationChunk) {
    const svint32x4_t a = svuzp_s32_x4(svld1_s32_x4(inside0, x));
    const svint32x4_t b = svuzp_s32_x4(svld1_s32_x4(inside1, x + quad));
    const svint32x4_t c = svuzp_s32_x4(svld1_s32_x4(inside2, x + 2 * quad));
    const svint32x4_t d = svuzp_s32_x4(svld1_s32_x4(inside3, x + 3 * quad));
    const svint32x4_t x0 = MMOE_WORDS(0), x1 = MMOE_WORDS(1), x2 = MMOE_WORDS(2), x3 = MMOE_WORDS(3);
    AddStep<kWhole, 0>(weights, x0, x1, x2, x3, rows, columns);
    if (left > kStepInputs) AddStep<kWhole, 1>(weights, x0, x1, x2, x3, rows, columns);
    if (left > 2 * kStepInputs) AddStep<kWhole, 2>(weights, x0, x1, x2, x3, rows, columns);
    if (left > 3 * kStepInputs) AddStep<kWhole, 3>(weights, x0, x1, x2, x3, rows, columns);
    weights += PanelBytes(kActivationChunk);
    x += args.tokens * kActivationChunk / 4;
  }
}

#undef MMOE_WORDS

// Row `row` of two tiles, added.
template <int kEven, int kOdd>
__attribute__((always_inline)) inline svint32_t RowSums(uint32_t row) __arm_streaming __arm_inout("za") {
  const svbool_t all = svptrue_b32();
  return svadd_s32_x(all, svread_hor_za32_s32_m(svundef_s32(), all, kEven, row),
                     svread_hor_za32_s32_m(svundef_s32(), all, kOdd, row));
}

// to = (sums - offset) * activation_scale
__attribute__((always_inline)) inline void StoreRow(svint32_t sums, int32_t offset, float activation_scale,
                                                    svbool_t columns, float* to) __arm_streaming {
  const svbool_t all = svptrue_b32();
  const svfloat32_t centred = svcvt_f32_s32_x(all, svsub_n_s32_x(all, sums, offset));
  svst1_f32(columns, to, svmul_n_f32_x(all, centred, activation_scale));
}

// Takes the weights' offset off the sums of a group and multiplies them by the scales; panel `panel` of a row.
inline void StoreGroup(const PanelDotArgs& args, int64_t first, int64_t count, ColumnPart part,
                       int64_t panel) __arm_streaming __arm_inout("za") {
  const svbool_t columns = svwhilelt_b32_s64(0, part.count);
  for (int64_t row = 0; row < count; ++row) {
    const int64_t t = first + row;
    const svint32_t whole = RowSums<kWholeEven, kWholeOdd>(static_cast<uint32_t>(row));
    const svint32_t high = RowSums<kHighEven, kHighOdd>(static_cast<uint32_t>(row));
    const svint32_t low = svmls_n_s32_x(svptrue_b32(), whole, high, 16);
    float* to = args.outputs[t] + panel * kPanelOutputs + part.first;
    StoreRow(low, kWeightOffset * args.sums[t], args.activation_scales[t], columns, to);
    StoreRow(high, kWeightOffset * args.sums[t], args.activation_scales[t], columns, to + 16);
  }
}

template <bool kWhole>
__attribute__((noinline)) void StreamPanels(const PanelDotArgs* panels,
                                            int64_t count) __arm_streaming __arm_inout("za") {
  const int64_t lanes = Lanes();
  for (int64_t p = 0; p < count; ++p) {
    const PanelDotArgs& args = panels[p];
    for (int64_t first = 0; first < args.tokens; first += lanes) {
      const int64_t tokens = Smaller(lanes, args.tokens - first);
      for (int64_t column = 0; column < 16; column += lanes) {
        const ColumnPart part = {column, Smaller(lanes, 16 - column)};
        SumGroup<kWhole>(args, first, tokens, part);
        StoreGroup(args, first, tokens, part, p);
      }
    }
  }
}

// Enters streaming mode, which the calls within do not leave. Without an unwind table, for which the compiler would ask for the
// length of vectors outside streaming mode.
__arm_new("za")
    __attribute__((noinline, nouwtable)) void PanelDots(const PanelDotArgs* panels, int64_t count) {
  if (svcntsb() == kPanelBlockBytes) {
    StreamPanels<true>(panels, count);
  } else {
    StreamPanels<false>(panels, count);
  }
}

// One token is bound by memory, and the threads of a cluster share what runs in streaming mode.
void PanelDot(const PanelDotArgs& args) {
  if (args.tokens == 1) {
    PanelDotTokens<1>(args);
  } else {
    PanelDots(&args, 1);
  }
}

}  // namespace
}  // namespace mmoe
