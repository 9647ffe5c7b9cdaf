#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace mmoe {

// How often a program's tokens were sent to each expert of each layer.
class ExpertCounts {
 public:
  // MoE layers that have run, and experts of the widest.
  size_t layers() const { return counts_.size(); }
  size_t experts() const { return experts_; }
  // counts [layers, experts], in the order in which the layers run.
  void CopyTo(uint64_t* counts) const;
  void Add(const void* router, const int32_t* experts, size_t selected, size_t num_experts);

 private:
  std::map<const void*, size_t> layer_of_router_;
  std::vector<std::vector<uint64_t>> counts_;
  size_t experts_ = 0;
};

// While it lives, what this thread runs is counted; with nullptr it is not.
class CountingScope {
 public:
  explicit CountingScope(ExpertCounts* counts);
  ~CountingScope();
  CountingScope(const CountingScope&) = delete;
};

}  // namespace mmoe
