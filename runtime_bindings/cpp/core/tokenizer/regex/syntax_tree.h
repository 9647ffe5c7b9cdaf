#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/tokenizer/unicode/char_set.h"

namespace mmoe {

// A regular expression after parsing.
struct RegexNode {
  enum class Kind : uint8_t {
    kEmpty,
    kSet,        // one character of `set`
    kSequence,   // children, one after the other
    kAlternate,  // the first child that matches
    kRepeat,     // the only child, `least` to `most` times
    kAhead,      // nothing, if the only child matches from here (or does not: `negative`)
  };
  static constexpr int kNoLimit = -1;

  Kind kind = Kind::kEmpty;
  CharSet set;
  std::vector<std::unique_ptr<RegexNode>> children;
  int least = 0;
  int most = kNoLimit;
  bool greedy = true;
  bool negative = false;
};

using RegexNodePtr = std::unique_ptr<RegexNode>;

}  // namespace mmoe
