#pragma once

#include <cstddef>
#include <cstdint>

#include "core/mmoe.h"

namespace mmoe {

// The natural logarithm of the softmax, in double, of one token and of the `top_count` most probable ones, ties to the
// lower id; either may be NULL. Throws CoreError(MMOE_RUNTIME) for logits that are no numbers.
void LogProbabilities(const float* logits, size_t vocab_size, int32_t id, mmoe_token_logprob* chosen,
                      mmoe_token_logprob* top, size_t top_count);

}  // namespace mmoe
