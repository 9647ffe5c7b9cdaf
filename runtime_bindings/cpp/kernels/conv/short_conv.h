#pragma once

#include <cstdint>

#include "kernels/parallel.h"

namespace mmoe {

// A gated causal convolution of each channel over the last tokens, in a ring of rows: position p has row p % rows.
struct ShortConvArgs {
  int64_t tokens;
  int64_t channels;
  int64_t taps;      // tokens that one result sees, its own included
  int64_t rows;      // of the ring
  int64_t position;  // of the first token
  const float*
      projected;        // [tokens, 3, channels]: the gate before, the gate behind, and what goes through both
  const float* weight;  // [taps, channels], the oldest token's first
  const float* bias;    // [channels], or nullptr
  float* cache;         // [rows, channels]: the products that are convolved
  float* out;           // [tokens, channels]
};

// nullptr, or why so many tokens at this position cannot be convolved.
const char* CheckShortConv(const ShortConvArgs& args, int64_t max_context_len);

// cache[p] = before * inner, and out = behind * (the sum of weight * cache over the taps, the newest first and then from
// the oldest on, + bias). Tokens before position 0 are zeros. The result does not depend on the number of workers.
void ShortConv(const ShortConvArgs& args, const Parallel& parallel);

}  // namespace mmoe
