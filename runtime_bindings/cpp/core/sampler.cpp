#include "core/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "core/argmax.h"
#include "core/error.h"
#include "core/sampling.h"
#include "ops/executorch_parallel.h"

namespace mmoe {

namespace {

// The nucleus is looked for among this many most probable tokens before more are sorted: sorting a vocabulary of
// 128,256 takes as long as a decode step.
constexpr size_t kFirstNucleus = 512;

// e^x for x <= 0, within a few units in the last place. The C library's differs between machines.
double Exp(double x) {
  constexpr double kLog2e = 1.4426950408889634;
  constexpr double kLn2High = 0.693147180369123816490;  // 21 zero bits at its end, so n times it is exact
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  if (!(x > -700.0)) return 0.0;
  const double n = std::floor(x * kLog2e + 0.5);
  const double r = (x - n * kLn2High) - n * kLn2Low;  // |r| <= ln 2 / 2
  double sum = 1.0;
  for (int term = 14; term >= 1; --term)
    sum = 1.0 + sum * r / term;  // Taylor's series; 0.35^15 / 15! < 2^-62
  return std::ldexp(sum, static_cast<int>(n));
}

void Require(bool holds, const char* what) {
  if (!holds) throw CoreError(MMOE_INVALID_ARGUMENT, what);
}

void RequireFinite(double largest_logit) {
  if (std::isfinite(largest_logit)) return;
  throw CoreError(MMOE_RUNTIME, "the model gave logits with a maximum of " + std::to_string(largest_logit) +
                                    "; the program or its weights are damaged");
}

// Likelier first; ties to the lower id.
bool Likelier(const std::pair<double, int32_t>& a, const std::pair<double, int32_t>& b) {
  return a.first != b.first ? a.first > b.first : a.second < b.second;
}

}  // namespace

Sampler::Sampler(const mmoe_sampling& sampling) : sampling_(sampling), state_(sampling.seed) {
  RequireSampling(sampling);
}

void Sampler::Restart(const mmoe_sampling& sampling) {
  Sampler restarted(sampling);
  restarted.bias_ = std::move(bias_);
  *this = std::move(restarted);
}

void Sampler::SetBias(std::vector<mmoe_logit_bias> bias) {
  std::sort(bias.begin(), bias.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  for (size_t index = 0; index < bias.size(); ++index) {
    const auto& [id, value] = bias[index];
    Require(id >= 0 && (index == 0 || bias[index - 1].id != id),
            "a token of a bias is negative or there twice");
    Require(std::isfinite(value) || value == -std::numeric_limits<float>::infinity(),
            "a bias must be a number, or minus infinity");
  }
  bias_ = std::move(bias);
}

bool Sampler::TakesLogitsAsTheyAre() const {
  return sampling_.repetition_penalty == 1.0f && sampling_.frequency_penalty == 0.0f &&
         sampling_.presence_penalty == 0.0f && bias_.empty();
}

double Sampler::Penalized(double logit, bool seen, int32_t count) const {
  if (seen && sampling_.repetition_penalty != 1.0f) {
    logit = logit > 0 ? logit / sampling_.repetition_penalty : logit * sampling_.repetition_penalty;
  }
  if (count > 0) {
    logit -= count * static_cast<double>(sampling_.frequency_penalty);
    logit -= sampling_.presence_penalty;
  }
  return logit;
}

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
double Sampler::Uniform() {
  state_ += 0x9E3779B97F4A7C15u;
  uint64_t z = state_;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

int32_t Sampler::Sample(const float* logits, int32_t vocab_size, const std::vector<bool>& seen,
                        const std::vector<int32_t>& counts) {
  if (sampling_.temperature == 0 && TakesLogitsAsTheyAre()) {
    const int64_t id = ArgMax(logits, vocab_size, ExecutorchParallel());
    RequireFinite(id < 0 ? std::numeric_limits<double>::quiet_NaN() : logits[id]);
    return static_cast<int32_t>(id);
  }
  int32_t best = -1;
  double best_logit = 0;
  candidates_.clear();
  auto bias = bias_.begin();
  for (int32_t id = 0; id < vocab_size; ++id) {
    double logit = logits[id];
    if (bias != bias_.end() && bias->id == id) logit += (bias++)->bias;
    logit = Penalized(logit, seen[static_cast<size_t>(id)], counts[static_cast<size_t>(id)]);
    if (std::isnan(logit)) best_logit = logit;  // and stays, because nothing compares as greater
    if (best < 0 || logit > best_logit) {
      best = id;
      best_logit = logit;
    }
    if (sampling_.temperature > 0) candidates_.emplace_back(logit, id);
  }
  RequireFinite(best_logit);
  if (sampling_.temperature == 0) return best;

  if (sampling_.top_k > 0 && static_cast<size_t>(sampling_.top_k) < candidates_.size()) {
    std::nth_element(candidates_.begin(), candidates_.begin() + sampling_.top_k, candidates_.end(), Likelier);
    candidates_.resize(static_cast<size_t>(sampling_.top_k));
    // In the order of their ids: where nth_element leaves them differs between C++ libraries, and sums depend on it.
    std::sort(candidates_.begin(), candidates_.end(),
              [](const auto& a, const auto& b) { return a.second < b.second; });
  }
  double total = 0;
  size_t kept = 0;
  for (const auto& [logit, id] : candidates_) {
    const double weight = Exp((logit - best_logit) / sampling_.temperature);
    if (weight < sampling_.min_p) continue;  // the most probable one weighs 1
    candidates_[kept++] = {weight, id};
    total += weight;
  }
  candidates_.resize(kept);

  if (sampling_.top_p < 1) {
    const double wanted = total * sampling_.top_p;
    size_t sorted = 0;
    size_t end = 0;
    for (total = 0; end < kept && total < wanted; total += candidates_[end++].first) {
      if (end < sorted) continue;
      const size_t next = std::min(kept, std::max(kFirstNucleus, 2 * sorted));
      std::partial_sort(candidates_.begin() + static_cast<ptrdiff_t>(sorted),
                        candidates_.begin() + static_cast<ptrdiff_t>(next), candidates_.end(), Likelier);
      sorted = next;
    }
    candidates_.resize(end);
  }

  const double target = Uniform() * total;
  double sum = 0;
  for (const auto& [weight, id] : candidates_) {
    sum += weight;
    if (target < sum) return id;
  }
  return candidates_.empty() ? best : candidates_.back().second;
}

}  // namespace mmoe
