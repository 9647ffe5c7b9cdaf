#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/mmoe.h"

namespace mmoe {

// From logits to a token. Order: bias, repetition penalty (Keskar et al., arXiv 1909.05858), frequency and presence
// penalty (as OpenAI's API reference defines them: logit - count * frequency - [count > 0] * presence), temperature,
// top-k, min-p (Nguyen et al., arXiv 2407.01082), top-p (Holtzman et al., arXiv 1904.09751), one draw. All in double
// with operations that IEEE 754 fixes, so a seed gives the same tokens on every machine.
class Sampler {
 public:
  // Throws as RequireSampling does.
  explicit Sampler(const mmoe_sampling& sampling);

  // Replaces the sampling and restarts the random numbers; the bias stays.
  void Restart(const mmoe_sampling& sampling);
  // What is added to logits: finite, or minus infinity. Throws for an id that is negative or there twice.
  void SetBias(std::vector<mmoe_logit_bias> bias);

  // Each has an entry per token of the vocabulary: `seen` whether the context holds it, `counts` how often the text
  // that is being generated does.
  int32_t Sample(const float* logits, int32_t vocab_size, const std::vector<bool>& seen,
                 const std::vector<int32_t>& counts);

 private:
  bool TakesLogitsAsTheyAre() const;
  double Penalized(double logit, bool seen, int32_t count) const;
  int32_t ReadPenalized(const float* logits, size_t count, const std::vector<bool>& seen,
                        const std::vector<int32_t>& counts);
  void KeepTopK(double largest);
  void KeepMinP();
  double KeepNucleus(double wanted);
  double Uniform();  // [0, 1)

  mmoe_sampling sampling_;
  uint64_t state_;                     // of SplitMix64
  std::vector<mmoe_logit_bias> bias_;  // by id
  // Scratch: candidates, their logits and their weights, and some of them with their rank's value.
  std::vector<int32_t> ids_;
  std::vector<double> logits_;
  std::vector<double> weights_;
  std::vector<std::pair<double, int32_t>> ranked_;
};

}  // namespace mmoe
