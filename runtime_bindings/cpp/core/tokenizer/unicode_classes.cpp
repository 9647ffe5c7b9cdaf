#include "core/tokenizer/unicode_classes.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace mmoe {

namespace {

struct Range {
  uint32_t first;
  uint32_t last;
  CharClass char_class;
};

constexpr CharClass kLetter = CharClass::kLetter;
constexpr CharClass kNumber = CharClass::kNumber;
constexpr CharClass kSpace = CharClass::kSpace;
constexpr Range kRanges[] = {
#include "core/tokenizer/unicode_ranges.inc"
};

CharClass Search(uint32_t code_point) {
  const Range* range =
      std::lower_bound(std::begin(kRanges), std::end(kRanges), code_point,
                       [](const Range& candidate, uint32_t value) { return candidate.last < value; });
  return range != std::end(kRanges) && range->first <= code_point ? range->char_class : CharClass::kOther;
}

// Scripts up to Arabic by table; the rest takes ten comparisons, which merging its bytes dwarfs.
constexpr uint32_t kDirect = 0x800;

std::array<CharClass, kDirect> DirectTable() {
  std::array<CharClass, kDirect> table{};
  for (uint32_t code_point = 0; code_point < kDirect; ++code_point) table[code_point] = Search(code_point);
  return table;
}

}  // namespace

CharClass ClassOf(uint32_t code_point) {
  static const std::array<CharClass, kDirect> table = DirectTable();
  return code_point < kDirect ? table[code_point] : Search(code_point);
}

}  // namespace mmoe
