#pragma once

// What the SME2 files of panel products share. Everything here runs in streaming mode, for any length of its vectors:
// L lanes of 32 bits. A ZA tile has L rows, one for each token, and L columns, one for each output.

#include <arm_sme.h>

#include <cstdint>

#include "kernels/panel.h"

namespace mmoe {
namespace {

// Blocks of 16 inputs.
constexpr int kStepBlocks = 4;

// A panel's 16 outputs of low nibbles, or of high ones, are cut into parts of as many as a tile has columns.
struct ColumnPart {
  int64_t first;  // output
  int64_t count;  // at most L
};

// Functions that do not say that they leave ZA alone are inlined by force: a call of one would save and restore it.

// Lanes of 32 bits.
__attribute__((always_inline)) inline int64_t Lanes() __arm_streaming_compatible {
  return static_cast<int64_t>(svcntsw());
}

__attribute__((always_inline)) inline int64_t Smaller(int64_t a, int64_t b) __arm_streaming_compatible {
  return a < b ? a : b;
}

// The part's bytes of four blocks that follow each other. With vectors of kWhole = 512 bits a block is a register.
template <bool kWhole>
__attribute__((always_inline)) inline svuint8x4_t LoadFourBlocks(const uint8_t* weights,
                                                                 svbool_t columns) __arm_streaming {
  if constexpr (kWhole) return svld1_u8_x4(svptrue_c8(), weights);
  return svcreate4_u8(svld1_u8(columns, weights), svld1_u8(columns, weights + kPanelBlockBytes),
                      svld1_u8(columns, weights + 2 * kPanelBlockBytes),
                      svld1_u8(columns, weights + 3 * kPanelBlockBytes));
}

}  // namespace
}  // namespace mmoe
