#pragma once

#include <vector>

namespace mmoe {

// Numbers of tokens of a tile of at most `most` that tests try: all small ones, then those around powers of two.
inline std::vector<int> TokenCounts(int most) {
  std::vector<int> counts;
  for (int tokens = 1; tokens <= most; ++tokens) {
    if (tokens <= 17 || tokens == 31 || tokens == 33 || tokens >= 63) counts.push_back(tokens);
  }
  return counts;
}

}  // namespace mmoe
