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
  std::vector<int32_t> counts;
};

Registry<SharedSampler>& Samplers() {
  static auto* samplers = new Registry<SharedSampler>("sampler");
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

mmoe_status mmoe_sampler_set_logit_bias(mmoe_sampler sampler, const mmoe_logit_bias* bias, size_t count) {
  return mmoe::Guard([&] {
    mmoe::RequireArgument(bias != nullptr || count == 0, "bias is NULL");
    const auto open = mmoe::Samplers().Get(sampler);
    const std::lock_guard<std::mutex> lock(open->mutex);
    open->sampler.SetBias({bias, bias + count});
  });
}

mmoe_status mmoe_sampler_sample(mmoe_sampler sampler, const float* logits, size_t vocab_size,
                                const int32_t* seen, size_t seen_count, int32_t* id) {
  return mmoe_sampler_sample_text(sampler, logits, vocab_size, seen, seen_count, nullptr, 0, id);
}

mmoe_status mmoe_sampler_sample_text(mmoe_sampler sampler, const float* logits, size_t vocab_size,
                                     const int32_t* seen, size_t seen_count, const int32_t* text,
                                     size_t text_count, int32_t* id) {
  return mmoe::Guard([&] {
    mmoe::RequireArgument(logits != nullptr && id != nullptr && (seen != nullptr || seen_count == 0) &&
                              (text != nullptr || text_count == 0),
                          "an argument is NULL");
    mmoe::RequireArgument(vocab_size > 0 && vocab_size <= INT32_MAX, "vocab_size must be at least 1");
    const auto open = mmoe::Samplers().Get(sampler);
    const std::lock_guard<std::mutex> lock(open->mutex);
    const auto place = [&](int32_t token) {
      mmoe::RequireArgument(token >= 0 && static_cast<size_t>(token) < vocab_size,
                            "an id that was seen is outside the vocabulary");
      return static_cast<size_t>(token);
    };
    open->seen.assign(vocab_size, false);
    open->counts.assign(vocab_size, 0);
    for (size_t index = 0; index < seen_count; ++index) open->seen[place(seen[index])] = true;
    for (size_t index = 0; index < text_count; ++index) ++open->counts[place(text[index])];
    *id = open->sampler.Sample(logits, static_cast<int32_t>(vocab_size), open->seen, open->counts);
  });
}
