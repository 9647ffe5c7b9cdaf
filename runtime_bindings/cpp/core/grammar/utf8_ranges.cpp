#include "core/grammar/utf8_ranges.h"

#include <algorithm>
#include <utility>

namespace mmoe::grammar {

std::vector<UnitRanges> SplitByDigits(uint32_t first, uint32_t last, int bits, int places) {
  if (places == 0) return {{}};
  const int shift = bits * (places - 1);
  const uint32_t rest = (1u << shift) - 1;
  const uint32_t low = first >> shift;
  const uint32_t high = last >> shift;
  std::vector<UnitRanges> found;
  const auto add = [&](uint32_t from, uint32_t to, uint32_t rest_first, uint32_t rest_last) {
    for (UnitRanges& tail : SplitByDigits(rest_first, rest_last, bits, places - 1)) {
      tail.insert(tail.begin(), {from, to});
      found.push_back(std::move(tail));
    }
  };
  if (low == high) {
    add(low, low, first & rest, last & rest);
    return found;
  }
  // The whole blocks between a part of the first one and a part of the last one.
  uint32_t from = low;
  uint32_t to = high;
  if ((first & rest) != 0) add(from++, low, first & rest, rest);
  const bool cut = (last & rest) != rest;
  if (cut) --to;
  if (from <= to) add(from, to, 0, rest);
  if (cut) add(high, high, 0, last & rest);
  return found;
}

std::vector<UnitRanges> Utf8Ranges(const CharSet& set) {
  struct Length {
    uint32_t first;
    uint32_t last;
    int bytes;
    uint32_t lead;  // added to the first digit
  };
  constexpr Length kLengths[] = {{0, 0x7F, 1, 0},
                                 {0x80, 0x7FF, 2, 0xC0},
                                 {0x800, 0xD7FF, 3, 0xE0},
                                 {0xE000, 0xFFFF, 3, 0xE0},
                                 {0x10000, kLastCodePoint, 4, 0xF0}};
  std::vector<UnitRanges> found;
  for (const CharRange& range : set.ranges()) {
    for (const Length& length : kLengths) {
      const uint32_t first = std::max(range.first, length.first);
      const uint32_t last = std::min(range.last, length.last);
      if (first > last) continue;
      if (length.bytes == 1) {
        found.push_back({{first, last}});
        continue;
      }
      for (UnitRanges& places : SplitByDigits(first, last, 6, length.bytes)) {
        for (size_t place = 0; place < places.size(); ++place) {
          const uint32_t mark = place == 0 ? length.lead : 0x80;
          places[place].first += mark;
          places[place].last += mark;
        }
        found.push_back(std::move(places));
      }
    }
  }
  return found;
}

}  // namespace mmoe::grammar
