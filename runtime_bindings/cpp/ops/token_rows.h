#pragma once

#include <cstdint>

#include "ops/op_support.h"

namespace mmoe {

// Activations [1, T, in], or [T, in] for rows without a batch dimension.
struct TokenRows {
  bool batched;
  int64_t tokens;
  int64_t inputs;
};

// The sizes of `x`, whose data are checked by ResizeLike; zeros after a report.
inline TokenRows RowsOf(ArgumentCheck& check, const Tensor& x) {
  const bool batched = x.dim() == 3;
  check.HasRank(x, "x", batched ? 3 : 2);
  if (!check.ok()) return {batched, 0, 0};
  return {batched, x.size(batched ? 1 : 0), x.size(batched ? 2 : 1)};
}

// Checks `x`, and gives `out` its dimensions with so many features.
inline void ResizeLike(ArgumentCheck& check, const Tensor& x, const TokenRows& rows, int64_t features,
                       Tensor& out) {
  if (rows.batched) {
    check.Is(x, "x", ScalarType::Float, {1, rows.tokens, rows.inputs});
    check.ResizeOut(out, {1, rows.tokens, features});
  } else {
    check.Is(x, "x", ScalarType::Float, {rows.tokens, rows.inputs});
    check.ResizeOut(out, {rows.tokens, features});
  }
}

}  // namespace mmoe
