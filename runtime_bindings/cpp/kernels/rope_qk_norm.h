#pragma once

#include <cstdint>

namespace mmoe {

// What happens to each head of queries and keys before attention.
struct HeadPreparation {
  int64_t head_dim;
  const float* rope_cos;  // [tokens, head_dim / 2], or nullptr for no RoPE
  const float* rope_sin;
  bool use_qk_norm;
  float qk_norm_eps;
};

// One head of one token: rotated on adjacent pairs, then divided by its root mean square. x and out
// [head_dim].
void PrepareHead(const HeadPreparation& preparation, int64_t token, const float* x, float* out);

}  // namespace mmoe
