#pragma once

#include <cstdint>
#include <vector>

#include "core/tokenizer/regex/symbols.h"

namespace mmoe {

// The expression as a deterministic automaton. Its states are lists of the ways that are still open, by rank;
// a way that matches ends the list, because those behind it are not wanted any more.
class Dfa {
 public:
  Dfa(const Nfa& nfa, const Symbols& symbols, Effort* effort);

  // What a symbol leads to. States are numbered by where their steps begin.
  struct Step {
    uint32_t bits;

    bool matches() const { return (bits & 1) != 0; }  // a match ends in front of the symbol
    uint32_t next() const { return bits >> 1; }       // kDead: no way goes on
  };
  Step At(uint32_t state, uint32_t symbol) const { return {steps_[state + symbol]}; }
  static constexpr uint32_t kDead = 0;
  uint32_t start() const { return start_; }

 private:
  std::vector<uint32_t> steps_;
  uint32_t start_;
};

// Whether a body of look-ahead matches from a place, for all places of a text from its end to its beginning.
class BackwardDfa {
 public:
  BackwardDfa(const Nfa& nfa, const Nfa::Ahead& body, const Symbols& symbols, Effort* effort);

  // From the state behind a symbol to that in front of it; behind the end of the text it is kBehindEnd.
  uint32_t Step(uint32_t state, uint32_t symbol) const { return steps_[state * symbols_ + symbol]; }
  static constexpr uint32_t kBehindEnd = 0;
  bool Matches(uint32_t state) const { return matches_[state]; }

 private:
  std::vector<uint32_t> steps_;
  std::vector<bool> matches_;
  uint32_t symbols_;
};

}  // namespace mmoe
