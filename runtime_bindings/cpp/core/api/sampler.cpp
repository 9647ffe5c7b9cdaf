#include "core/sampler.h"

#include <mutex>
#include <vector>

#include "core/api/guard.h"

namespace mmoe {

namespace {

struct SharedSampler {
  explicit SharedSampler(const mmoe_sampling& sampling) : sampler(sampling) {}

  std::mutex mutex;
  Sampler sampler;
  std::vector<bool> seen;
};

Registry<SharedSampler>& Samplers() {
  static auto* samplers = new Registry<SharedSampler>;
  return *samplers;
}

}  // namespace
}  // namespace mmoe

mmoe_status mmoe_sampler_open(const mmoe_sampling* sampling, mmoe_sampler* sampler) {
  return mmoe::Guard([&] {
    mmoe::RequireArgument(sampler != nullptr, "sampler is NULL");
    const mmoe_sampling chosen = mmoe::Received(sampling, mmoe_sampling_init, "mmoe_sampling");
    *sampler = mmoe::Samplers().Add(std::make_shared<mmoe::SharedSampler>(chosen));
  });
}

mmoe_status mmoe_sampler_close(mmoe_sampler sampler) {
  return mmoe::GuardClose([&] { mmoe::Samplers().Take(sampler); });
}

mmoe_status mmoe_sampler_sample(mmoe_sampler sampler, const float* logits, size_t vocab_size,
                                const int32_t* seen, size_t seen_count, int32_t* id) {
  return mmoe::Guard([&] {
    mmoe::RequireArgument(logits != nullptr && id != nullptr && (seen != nullptr || seen_count == 0),
                          "an argument is NULL");
    mmoe::RequireArgument(vocab_size > 0 && vocab_size <= INT32_MAX, "vocab_size must be at least 1");
    const auto open = mmoe::Samplers().Get(sampler);
    const std::lock_guard<std::mutex> lock(open->mutex);
    open->seen.assign(vocab_size, false);
    for (size_t index = 0; index < seen_count; ++index) {
      mmoe::RequireArgument(seen[index] >= 0 && static_cast<size_t>(seen[index]) < vocab_size,
                            "an id that was seen is outside the vocabulary");
      open->seen[static_cast<size_t>(seen[index])] = true;
    }
    *id = open->sampler.Sample(logits, static_cast<int32_t>(vocab_size), open->seen);
  });
}
