#include "core/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>

#include "core/argmax.h"
#include "core/error.h"
#include "core/sampling.h"
#include "core/softmax_weights.h"
#include "ops/operator_parallel.h"

namespace mmoe {

namespace {

constexpr size_t kBuckets = 4096;
constexpr int kBucketShift = 46;  // 64 buckets for each power of two

// Of positive numbers the larger has the larger bits.
uint64_t Bits(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// By how far a logit is below the largest: 0 for the nearest. All beyond 2^54 share the last.
size_t BucketOfDistance(double distance) {
  const uint64_t nearest = Bits(0x1p-10) >> kBucketShift;
  const uint64_t bucket = Bits(distance) >> kBucketShift;
  return static_cast<size_t>(bucket < nearest ? 0 : std::min<uint64_t>(bucket - nearest, kBuckets - 1));
}

// By a weight in [0, 1]: 0 for 1. All below 2^-64 share the last.
size_t BucketOfWeight(double weight) {
  return static_cast<size_t>(std::min<uint64_t>((Bits(1.0) - Bits(weight)) >> kBucketShift, kBuckets - 1));
}

void Require(bool holds, const char* what) {
  if (!holds) throw CoreError(MMOE_INVALID_ARGUMENT, what);
}

void RequireFinite(double largest_logit) {
  if (std::isfinite(largest_logit)) return;
  if (largest_logit < 0) {
    throw CoreError(
        MMOE_RUNTIME,
        "every logit is -inf: a bias excludes all tokens, or the program or its weights are damaged");
  }
  throw CoreError(MMOE_RUNTIME, "the model gave logits with a maximum of " + std::to_string(largest_logit) +
                                    "; the program or its weights are damaged");
}

int32_t Largest(const float* logits, size_t count) {
  const int64_t best = ArgMax(logits, static_cast<int64_t>(count), OperatorParallel());
  RequireFinite(best < 0 ? std::numeric_limits<double>::quiet_NaN() : logits[best]);
  return static_cast<int32_t>(best);
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

// Takes in logits with bias and penalties; the id of the largest, ties to the lower.
int32_t Sampler::ReadPenalized(const float* logits, size_t count, const std::vector<bool>& seen,
                               const std::vector<int32_t>& counts) {
  logits_.assign(logits, logits + count);
  for (const auto& [id, value] : bias_) {
    if (static_cast<size_t>(id) < count) logits_[static_cast<size_t>(id)] += value;
  }
  size_t best = 0;
  for (size_t id = 0; id < count; ++id) {
    logits_[id] = Penalized(logits_[id], seen[id], counts[id]);
    // What is not a number stays, because nothing compares as greater.
    if (logits_[id] > logits_[best] || std::isnan(logits_[id])) best = id;
  }
  RequireFinite(logits_[best]);
  return static_cast<int32_t>(best);
}

// Leaves the top_k most probable candidates, in the order of their ids.
void Sampler::KeepTopK(double largest) {
  const auto top_k = static_cast<size_t>(sampling_.top_k);
  std::array<size_t, kBuckets> sizes = {};
  for (const double logit : logits_) ++sizes[BucketOfDistance(largest - logit)];
  size_t last = 0;
  for (size_t reached = sizes[0]; reached < top_k; reached += sizes[++last]) {
  }
  ranked_.clear();
  for (size_t id = 0; id < logits_.size(); ++id) {
    if (BucketOfDistance(largest - logits_[id]) <= last)
      ranked_.emplace_back(logits_[id], static_cast<int32_t>(id));
  }
  std::nth_element(ranked_.begin(), ranked_.begin() + static_cast<ptrdiff_t>(top_k) - 1, ranked_.end(),
                   Likelier);
  ranked_.resize(top_k);
  // Where nth_element leaves them differs between C++ libraries, and sums depend on it.
  std::sort(ranked_.begin(), ranked_.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  for (size_t index = 0; index < top_k; ++index) std::tie(logits_[index], ids_[index]) = ranked_[index];
  logits_.resize(top_k);
  ids_.resize(top_k);
}

// Drops what weighs less than min_p of the most probable one, which weighs 1.
void Sampler::KeepMinP() {
  size_t kept = 0;
  for (size_t index = 0; index < ids_.size(); ++index) {
    if (weights_[index] < sampling_.min_p) continue;
    weights_[kept] = weights_[index];
    ids_[kept++] = ids_[index];
  }
  weights_.resize(kept);
  ids_.resize(kept);
}

// Leaves the most probable candidates that have `wanted` of the weight together, the likeliest first; returns their
// weight. Only those of the buckets that it takes are sorted: a vocabulary of 128,256 would take longer than a token.
double Sampler::KeepNucleus(double wanted) {
  std::array<double, kBuckets> sums = {};
  for (const double weight : weights_) sums[BucketOfWeight(weight)] += weight;
  size_t last = 0;
  // Sums in another order are another number in their last places.
  const double enough = wanted * (1 + 1e-9);
  for (double reached = sums[0]; reached < enough && last + 1 < kBuckets; reached += sums[++last]) {
  }
  ranked_.clear();
  for (size_t index = 0; index < ids_.size(); ++index) {
    if (BucketOfWeight(weights_[index]) <= last) ranked_.emplace_back(weights_[index], ids_[index]);
  }
  std::sort(ranked_.begin(), ranked_.end(), Likelier);
  double total = 0;
  size_t kept = 0;
  for (; kept < ranked_.size() && total < wanted; ++kept) {
    std::tie(weights_[kept], ids_[kept]) = ranked_[kept];
    total += weights_[kept];
  }
  weights_.resize(kept);
  ids_.resize(kept);
  return total;
}

int32_t Sampler::Sample(const float* logits, int32_t vocab_size, const std::vector<bool>& seen,
                        const std::vector<int32_t>& counts) {
  const auto count = static_cast<size_t>(vocab_size);
  const int32_t best =
      TakesLogitsAsTheyAre() ? Largest(logits, count) : ReadPenalized(logits, count, seen, counts);
  if (sampling_.temperature == 0) return best;
  if (TakesLogitsAsTheyAre()) logits_.assign(logits, logits + count);

  const double largest = logits_[static_cast<size_t>(best)];
  ids_.resize(count);
  std::iota(ids_.begin(), ids_.end(), 0);
  if (sampling_.top_k > 0 && static_cast<size_t>(sampling_.top_k) < count) KeepTopK(largest);
  weights_.resize(ids_.size());
  SoftmaxWeights(logits_.data(), ids_.size(), largest, sampling_.temperature, OperatorParallel(),
                 weights_.data());
  if (sampling_.min_p > 0) KeepMinP();
  double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  if (sampling_.top_p < 1) total = KeepNucleus(total * sampling_.top_p);

  const double target = Uniform() * total;
  double sum = 0;
  for (size_t index = 0; index < ids_.size(); ++index) {
    sum += weights_[index];
    if (target < sum) return ids_[index];
  }
  return best;  // a product that was rounded up to all of the weight
}

}  // namespace mmoe
