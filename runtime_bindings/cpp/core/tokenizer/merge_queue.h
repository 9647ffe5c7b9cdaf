#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <unordered_map>
#include <vector>

namespace mmoe {

// Pairs of a word that may merge: the lowest rank goes first, the leftmost of equals. Places of one rank nearly
// always come from left to right, so that a queue for each rank takes constant time where one heap of all pairs
// takes log n and a cache miss at each step: a run of a million letters merges four times as fast. Places out of
// order go into a heap of their rank, so that nothing takes more than n log n.
class MergeQueue {
 public:
  void Push(int32_t rank, uint32_t place) {
    Places& places = Of(rank);
    if (places.taken == places.in_order.size() || places.in_order.back() < place) {
      places.in_order.push_back(place);
    } else {
      places.late.push(place);
    }
    if (!places.is_queued) ranks_.push(rank);
    places.is_queued = true;
  }

  bool Pop(int32_t* rank, uint32_t* place) {
    while (!ranks_.empty()) {
      *rank = ranks_.top();
      Places& places = Of(*rank);
      if (places.Take(place)) return true;
      ranks_.pop();
      places.is_queued = false;
    }
    return false;
  }

 private:
  struct Places {
    std::vector<uint32_t> in_order;
    size_t taken = 0;  // of them
    std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> late;
    bool is_queued = false;

    bool Take(uint32_t* place) {
      const bool has_ordered = taken < in_order.size();
      if (!late.empty() && (!has_ordered || late.top() < in_order[taken])) {
        *place = late.top();
        late.pop();
        return true;
      }
      if (!has_ordered) return false;
      *place = in_order[taken++];
      return true;
    }
  };

  Places& Of(int32_t rank) {
    if (rank != last_rank_) {
      last_ = &places_[rank];  // elements of an unordered_map stay where they are
      last_rank_ = rank;
    }
    return *last_;
  }

  std::unordered_map<int32_t, Places> places_;
  std::priority_queue<int32_t, std::vector<int32_t>, std::greater<>> ranks_;  // those that have places
  int32_t last_rank_ = -1;
  Places* last_ = nullptr;
};

}  // namespace mmoe
