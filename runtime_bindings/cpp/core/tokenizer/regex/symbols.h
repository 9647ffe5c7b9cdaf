#pragma once

#include <cstdint>

#include "core/tokenizer/regex/alphabet.h"
#include "core/tokenizer/regex/nfa.h"

namespace mmoe {

// What an automaton reads at a place of a text: the class of the character there, or that the text ends, and
// which of the expression's bodies of look-ahead match from there (bit by bit).
class Symbols {
 public:
  Symbols(const Nfa& nfa, const Alphabet& alphabet) : nfa_(nfa), alphabet_(alphabet) {}

  uint32_t size() const { return per_bits() << nfa_.bodies; }
  uint32_t per_bits() const { return alphabet_.size() + 1; }
  uint32_t end() const { return alphabet_.size(); }

  bool IsOf(int set, uint32_t symbol) const {
    const uint32_t char_class = symbol % per_bits();
    return char_class != end() && alphabet_.Holds(set, char_class);
  }
  bool Holds(int index, uint32_t symbol) const {
    const Nfa::Ahead& ahead = nfa_.aheads[static_cast<size_t>(index)];
    const bool matches =
        ahead.set != Nfa::kBody ? IsOf(ahead.set, symbol) : (symbol / per_bits() >> ahead.bit & 1) != 0;
    return matches != ahead.negative;
  }

 private:
  const Nfa& nfa_;
  const Alphabet& alphabet_;
};

// Counts the steps of building automata, which a hostile pattern makes exponentially many.
class Effort {
 public:
  void Spend(size_t steps);

 private:
  size_t left_ = 20'000'000;
};

}  // namespace mmoe
