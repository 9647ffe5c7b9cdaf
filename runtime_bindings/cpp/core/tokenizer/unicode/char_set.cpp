#include "core/tokenizer/unicode/char_set.h"

#include <algorithm>
#include <utility>

namespace mmoe {

CharSet::CharSet(std::vector<CharRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const CharRange& left, const CharRange& right) { return left.first < right.first; });
  for (const CharRange& range : ranges) {
    if (!ranges_.empty() && range.first <= ranges_.back().last + 1) {
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
      ranges_.push_back(range);
    }
  }
}

bool CharSet::Contains(uint32_t code_point) const {
  const auto range =
      std::lower_bound(ranges_.begin(), ranges_.end(), code_point,
                       [](const CharRange& candidate, uint32_t value) { return candidate.last < value; });
  return range != ranges_.end() && range->first <= code_point;
}

CharSet CharSet::Union(const CharSet& other) const {
  std::vector<CharRange> both = ranges_;
  both.insert(both.end(), other.ranges_.begin(), other.ranges_.end());
  return CharSet(std::move(both));
}

CharSet CharSet::Intersection(const CharSet& other) const {
  return Complement().Union(other.Complement()).Complement();
}

CharSet CharSet::Complement() const {
  CharSet rest;
  uint32_t next = 0;
  for (const CharRange& range : ranges_) {
    if (range.first > next) rest.ranges_.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCodePoint) rest.ranges_.push_back({next, kLastCodePoint});
  return rest;
}

}  // namespace mmoe
