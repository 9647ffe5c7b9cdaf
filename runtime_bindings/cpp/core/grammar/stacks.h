#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/grammar/automaton.h"

namespace mmoe::grammar {

using StackId = uint32_t;

// What is open at a place of a text: where each rule goes on behind the one that it has called. Stacks share their lower
// parts, and equal ones have one id, so that sets of them can be compared.
class Stacks {
 public:
  static constexpr StackId kRoot = 0;     // nothing is open: the text may end
  static constexpr StackId kUnknown = 1;  // below is what a caller does not tell

  struct Frame {
    StateId state;  // goes on here; of a kRepeat or of members, what is in `data` belongs to it
    StackId below;
    uint64_t data;
    uint32_t depth;
  };

  Stacks() { Clear(); }
  void Clear();
  StackId Push(StateId state, uint64_t data, StackId below);
  const Frame& frame(StackId stack) const { return frames_[stack]; }
  size_t size() const { return frames_.size(); }

 private:
  void Grow();

  std::vector<Frame> frames_;
  std::vector<StackId> table_;  // open addressing; 0 is free
};

}  // namespace mmoe::grammar
