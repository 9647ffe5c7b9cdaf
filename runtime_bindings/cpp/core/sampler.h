#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/mmoe.h"

namespace mmoe {

// From logits to a token. Order: repetition penalty (Keskar et al., arXiv 1909.05858), temperature, top-k,
// min-p (Nguyen et al., arXiv 2407.01082), top-p (Holtzman et al., arXiv 1904.09751), one draw. All in double
// with operations that IEEE 754 fixes, so a seed gives the same tokens on every machine.
class Sampler {
 public:
  // Throws as RequireSampling does.
  explicit Sampler(const mmoe_sampling& sampling);

  // `seen` has an entry per token of the vocabulary: whether the context holds it.
  int32_t Sample(const float* logits, int32_t vocab_size, const std::vector<bool>& seen);

 private:
  double Logit(float logit, bool seen) const;
  double Uniform();  // [0, 1)

  mmoe_sampling sampling_;
  uint64_t state_;  // of SplitMix64
  std::vector<std::pair<double, int32_t>> candidates_;
};

}  // namespace mmoe
