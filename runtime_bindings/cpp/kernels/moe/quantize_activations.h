#pragma once

#include <cstdint>

#include "kernels/panel.h"

namespace mmoe {

// Activations reach the experts' integer products in two steps, which only shift, multiply and round int16:
//
//   1. Once per token, x becomes int16, x16 = round(x / scale) with scale = max|x| / 32767; once per panel and
//      task, so do its 32 outputs' scales.
//   2. For each panel, p = (x16 * scale16) / 2^15 is the scaled activation, and q = (p * factor) / 2^15 with
//      factor = 127 * 2^15 / max|p|, rounded down, the int8 that the weights are multiplied with. Both
//      divisions round to nearest, halves up.
//
// p has thousands of levels where q has 127: on the bundled model, max|p| is 7,700 to 32,767, and the first
// step costs 0.07 dB of 45 dB. Rounding in float32 instead takes twice the time.
//
// Where the scales of a panel lie far apart, and a token's values lie far apart the other way, their products
// may be of ordinary size and yet all small against max|x| * max|scale|, which p measures them by. max|p|
// tells: a token with fewer than kFewestLevels in a panel is multiplied with the panel's scales as floats and
// rounded once, q = round(x * scale * 127 / max|x * scale|). From kFewestLevels on, the first step is off by at
// most 1.5 of p's levels, which is 0.1 of q's (docs/numerics.md). It is decided for each token and panel
// alone, so that bits depend neither on the tile nor on the instruction set.
constexpr int kInt16Levels = 32767;
constexpr int kInt8Levels = 127;
constexpr int kFewestLevels = 2048;

// Values of one row, or scales of one panel, as int16: zero from `inputs` to the next multiple of 64.
constexpr int64_t PaddedInputs(int64_t inputs) { return ActivationChunks(inputs) * kActivationChunk; }

// For KernelTable::quantize_tile: the second step, for one panel and the tokens of one tile.
struct QuantizeTileArgs {
  const int16_t* const* rows;  // [tokens] rows of PaddedInputs(inputs)
  const float* row_scales;     // [tokens]
  const int16_t* scales;       // [PaddedInputs(inputs)]
  float scale_of_scales;
  const float* const* exact_rows;  // [tokens] rows of `inputs`, what `rows` was made from
  const uint16_t* exact_scales;    // [inputs] float16, what `scales` was made from
  int64_t inputs;
  int tokens;
  int8_t* out;               // [inputs / 64][tokens][64]
  float* activation_scales;  // [tokens]: of the int8 values in `out`
  int32_t* sums;             // [tokens]: of the values in `out`
};

// For KernelTable::quantize_one_row: a panel's scales and the one row that meets the panel, both steps.
struct QuantizeOneRowArgs {
  QuantizeTileArgs row;  // of one token; scale_of_scales is not read
  int16_t* scales;       // row.scales, which are written first

  // What is fetched meanwhile: never dereferenced.
  const uint8_t* ahead;          // OneRowAheadBytes of a panel of as many inputs
  const uint16_t* ahead_scales;  // [inputs]
};

// A row alone waits for its weights, so as many are asked for while it is quantised as arrive meanwhile: an eighth of a
// panel in each of three passes. Where they were asked for beside products alone, memory paused between panels: one
// token of S took 148 instead of 133 us with one thread (Zen 3).
constexpr int64_t kOneRowPasses = 3;
constexpr int64_t kOneRowShares = 8;
constexpr int64_t OneRowAheadBytes(int64_t inputs) {
  return PanelBytes(inputs) * kOneRowPasses / kOneRowShares;
}

}  // namespace mmoe
