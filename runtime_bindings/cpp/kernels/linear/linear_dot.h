#pragma once

#include <cstdint>

#include "kernels/panel.h"

namespace mmoe {

// Weights of dense linears share the panel layout i4p32x4 of panel.h, but their groups run along the input:
// the 32 outputs of a panel have a scale each for every 32 inputs.
constexpr int64_t kLinearGroup = 32;

// Experts that are grouped along the input may have wider groups: 64 or 128 inputs.
constexpr int64_t kWidestGroup = 128;

// Quantised activations of the tokens of one tile. A token has one scale per group of G inputs; G is 32 in dense
// linears.
struct LinearTile {
  int64_t tokens;
  int8_t* values;            // [groups][tokens][G]
  float* activation_scales;  // [groups][tokens]
  int32_t* offsets;  // [groups][tokens]: -8 times the sum of the group's values, what the offset binary adds
};

// For KernelTable::linear_dot: one panel times one tile.
struct LinearDotArgs {
  const uint8_t* weight;  // [G / 4 * groups][64]
  const uint16_t* scale;  // float16 [groups][32]
  int64_t groups;         // at least 1
  const uint8_t*
      ahead;  // bytes to fetch into the cache meanwhile, as many as the weights; never dereferenced
  LinearTile tile;
  float* out;          // [tokens][32]
  int64_t out_stride;  // from token to token

  // For KernelTable::grouped_dot only.
  int64_t group = kLinearGroup;        // G: 32, 64 or 128
  const float* float_scale = nullptr;  // [groups][32], instead of `scale`
  const uint8_t* zero = nullptr;       // [groups][32]: what is subtracted of a weight's nibble; nullptr for 8
};

// What KernelTable::dot_two_panels has fetched ahead of its weights. On 2 Zen 3 cores it reads 10 to 18 % faster than one panel 4 KB
// ahead, and 4 to 15 % faster than a plain read; 2 or 4 KB are 2 to 5 % slower than 1 KB, nothing asked for 8 %.
constexpr int64_t kTwoStreamsPrefetchBytes = 1024;

}  // namespace mmoe
