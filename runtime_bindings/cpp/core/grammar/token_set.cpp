#include "core/grammar/token_set.h"

#include <algorithm>

namespace mmoe::grammar {

bool TokenSet::empty() const {
  return std::all_of(words_.begin(), words_.end(), [](uint64_t word) { return word == 0; });
}

int32_t TokenSet::Only() const {
  int32_t only = -1;
  for (size_t word = 0; word < words_.size(); ++word) {
    const uint64_t bits = words_[word];
    if (bits == 0) continue;
    if (only >= 0 || (bits & (bits - 1)) != 0) return -1;
    only = static_cast<int32_t>(64 * word) + LowestBit(bits);
  }
  return only;
}

}  // namespace mmoe::grammar
