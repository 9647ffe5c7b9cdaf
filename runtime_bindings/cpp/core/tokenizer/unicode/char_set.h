#pragma once

#include <cstdint>
#include <vector>

namespace mmoe {

constexpr uint32_t kLastCodePoint = 0x10FFFF;

struct CharRange {
  uint32_t first;
  uint32_t last;

  bool operator==(const CharRange& other) const { return first == other.first && last == other.last; }
};

// A set of characters as ranges, ascending, with a gap between any two.
class CharSet {
 public:
  CharSet() = default;
  explicit CharSet(uint32_t only) : ranges_{{only, only}} {}
  // In any order, overlapping or not.
  explicit CharSet(std::vector<CharRange> ranges);
  static CharSet All() { return CharSet({{0, kLastCodePoint}}); }

  const std::vector<CharRange>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }
  bool Contains(uint32_t code_point) const;
  bool operator==(const CharSet& other) const { return ranges_ == other.ranges_; }

  CharSet Union(const CharSet& other) const;
  CharSet Intersection(const CharSet& other) const;
  CharSet Complement() const;

 private:
  std::vector<CharRange> ranges_;
};

}  // namespace mmoe
