#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mmoe {

// Pairs of tokens that merge, with their rank (the lower goes first) and the token that they become. Open
// addressing over flat memory: a lookup is the inner loop of tokenisation, and most of them find nothing.
class MergeTable {
 public:
  struct Merge {
    int32_t rank;  // < 0: the pair does not merge
    int32_t merged;
  };

  explicit MergeTable(size_t count);

  // At most `count` times. A pair that is there already gets the later rank.
  void Insert(int32_t left, int32_t right, Merge merge);

  Merge Find(int32_t left, int32_t right) const {
    const uint64_t key = Key(left, right);
    for (size_t slot = Slot(key);; slot = (slot + 1) & mask_) {
      if (slots_[slot].key == key) return slots_[slot].merge;
      if (slots_[slot].key == kEmpty) return {-1, -1};
    }
  }

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;  // no pair: ids are not negative
  struct Entry {
    uint64_t key;
    Merge merge;
  };

  static uint64_t Key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  // Fibonacci hashing: the upper bits of the product are the well mixed ones.
  size_t Slot(uint64_t key) const { return static_cast<size_t>((key * 0x9E3779B97F4A7C15u) >> 32) & mask_; }

  std::vector<Entry> slots_;
  size_t mask_;
};

}  // namespace mmoe
