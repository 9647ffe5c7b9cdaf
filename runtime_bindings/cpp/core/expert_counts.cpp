#include "core/expert_counts.h"

#include <algorithm>

#include "ops/routing_observer.h"

namespace mmoe {
namespace {

// The operators tell the thread that runs the program, so sessions on other threads do not meet.
thread_local ExpertCounts* counted = nullptr;

void Observe(void*, const void* router, const int32_t* experts, int64_t tokens, int64_t top_k,
             int64_t num_experts) {
  if (counted == nullptr) return;
  counted->Add(router, experts, static_cast<size_t>(tokens * top_k), static_cast<size_t>(num_experts));
}

constexpr RoutingObserver kObserver{&Observe, nullptr};

}  // namespace

void ExpertCounts::CopyTo(uint64_t* counts) const {
  for (const std::vector<uint64_t>& layer : counts_) {
    std::copy(layer.begin(), layer.end(), counts);
    std::fill(counts + layer.size(), counts + experts_, 0);
    counts += experts_;
  }
}

void ExpertCounts::Add(const void* router, const int32_t* experts, size_t selected, size_t num_experts) {
  const auto [found, is_new] = layer_of_router_.emplace(router, counts_.size());
  if (is_new) {
    counts_.emplace_back(num_experts);
    experts_ = std::max(experts_, num_experts);
  }
  std::vector<uint64_t>& layer = counts_[found->second];
  for (size_t index = 0; index < selected; ++index) ++layer[static_cast<size_t>(experts[index])];
}

CountingScope::CountingScope(ExpertCounts* counts) {
  if (counts != nullptr) SetRoutingObserver(&kObserver);
  counted = counts;
}

CountingScope::~CountingScope() { counted = nullptr; }

}  // namespace mmoe
