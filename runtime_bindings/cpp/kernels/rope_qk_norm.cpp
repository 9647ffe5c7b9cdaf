#include "rope_qk_norm.h"

#include <cmath>
#include <cstring>

namespace mmoe {

void PrepareHead(const HeadPreparation& preparation, int64_t token, const float* x, float* out) {
  const int64_t head_dim = preparation.head_dim;
  std::memcpy(out, x, static_cast<size_t>(head_dim) * sizeof(float));
  if (preparation.rope_cos != nullptr) {
    const float* cosine = preparation.rope_cos + token * (head_dim / 2);
    const float* sine = preparation.rope_sin + token * (head_dim / 2);
    for (int64_t i = 0; i < head_dim / 2; ++i) {
      const float even = x[2 * i], odd = x[2 * i + 1];
      out[2 * i] = even * cosine[i] - odd * sine[i];
      out[2 * i + 1] = even * sine[i] + odd * cosine[i];
    }
  }
  if (preparation.use_qk_norm) {
    float sum = 0.0f;
    for (int64_t i = 0; i < head_dim; ++i) sum += out[i] * out[i];
    const float inverse = 1.0f / std::sqrt(sum / static_cast<float>(head_dim) + preparation.qk_norm_eps);
    for (int64_t i = 0; i < head_dim; ++i) out[i] *= inverse;
  }
}

}  // namespace mmoe
