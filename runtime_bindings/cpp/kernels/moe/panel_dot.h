#pragma once

#include <cstdint>

#include "kernels/panel.h"

namespace mmoe {

// For KernelTable::panel_dot: one panel of an expert times one tile of quantised tokens.
struct PanelDotArgs {
  const uint8_t* panel;            // [inputs / 4][64]
  int64_t inputs;                  // a positive multiple of 16
  const int8_t* activations;       // [inputs / 64][tokens][64], zero padded
  int tokens;                      // 1..token_tile
  const float* activation_scales;  // [tokens]
  const int32_t* sums;             // [tokens], of the activations
  float* const* outputs;           // [tokens] rows of 32

  // Bytes to fetch into the cache meanwhile, `ahead_step` for each block of the panel: never dereferenced.
  const uint8_t* ahead;
  int64_t ahead_step;
};

}  // namespace mmoe
