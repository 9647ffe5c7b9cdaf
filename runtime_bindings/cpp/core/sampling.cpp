#include "core/sampling.h"

#include <cmath>

#include "core/error.h"

namespace mmoe {

namespace {

void Require(bool holds, const char* what) {
  if (!holds) throw CoreError(MMOE_INVALID_ARGUMENT, what);
}

}  // namespace

mmoe_sampling GreedySampling() {
  mmoe_sampling sampling = {};
  sampling.struct_size = sizeof(sampling);
  sampling.top_p = 1.0f;
  sampling.repetition_penalty = 1.0f;
  return sampling;
}

void RequireSampling(const mmoe_sampling& sampling) {
  Require(std::isfinite(sampling.temperature) && sampling.temperature >= 0,
          "temperature must be 0 (greedy) or positive");
  Require(sampling.top_k >= 0, "top_k must be 0 (all) or positive");
  Require(sampling.top_p > 0 && sampling.top_p <= 1, "top_p must be in (0, 1]");
  Require(sampling.min_p >= 0 && sampling.min_p < 1, "min_p must be in [0, 1)");
  Require(std::isfinite(sampling.repetition_penalty) && sampling.repetition_penalty > 0,
          "repetition_penalty must be positive");
  Require(std::isfinite(sampling.frequency_penalty), "frequency_penalty must be a number");
  Require(std::isfinite(sampling.presence_penalty), "presence_penalty must be a number");
}

}  // namespace mmoe
