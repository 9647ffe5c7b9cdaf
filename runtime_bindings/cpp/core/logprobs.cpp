#include "core/logprobs.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/error.h"

namespace mmoe {

void LogProbabilities(const float* logits, size_t vocab_size, int32_t id, mmoe_token_logprob* chosen,
                      mmoe_token_logprob* top, size_t top_count) {
  const double largest = *std::max_element(logits, logits + vocab_size);
  double sum = 0;
  for (size_t index = 0; index < vocab_size; ++index) sum += std::exp(logits[index] - largest);
  const double log_total = largest + std::log(sum);
  if (!std::isfinite(log_total)) {
    throw CoreError(MMOE_RUNTIME,
                    "the model gave logits without a softmax; the program or its weights are damaged");
  }
  const auto logprob = [&](int32_t token) {
    return mmoe_token_logprob{token, static_cast<float>(logits[token] - log_total)};
  };
  if (chosen != nullptr) *chosen = logprob(id);
  if (top == nullptr) return;
  std::vector<int32_t> ids(vocab_size);
  std::iota(ids.begin(), ids.end(), 0);
  std::partial_sort(
      ids.begin(), ids.begin() + static_cast<ptrdiff_t>(top_count), ids.end(),
      [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::transform(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(top_count), top, logprob);
}

}  // namespace mmoe
