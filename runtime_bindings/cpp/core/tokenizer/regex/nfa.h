#pragma once

#include <cstdint>
#include <vector>

#include "core/tokenizer/regex/syntax_tree.h"

namespace mmoe {

// A regular expression as a nondeterministic automaton (Thompson, CACM 11:6, 1968). Where several ways lead
// on, the order of the ways is their rank: the match that is wanted is that of the first way that leads to
// one.
struct Nfa {
  enum class Op : uint8_t {
    kSet,    // a character of sets[index], then next
    kFork,   // next, else other
    kAhead,  // if aheads[index] holds here: next
    kMatch,
  };
  struct Node {
    Op op;
    int index;
    int next;
    int other;
  };
  // A condition on the text from here on.
  struct Ahead {
    bool negative;
    int set;  // that the next character must be of, if this is all it asks (no set holds the text's end); or
              // kBody
    int start;  // else the node where what must match begins, which ends in a kMatch of its own
    int bit;    // else its number among those with a body. What is inside a body has lower numbers.
  };
  static constexpr int kBody = -1;

  explicit Nfa(const RegexNode& root);

  std::vector<Node> nodes;
  std::vector<CharSet> sets;
  std::vector<Ahead> aheads;
  int start = 0;
  int bodies = 0;

 private:
  int Add(const RegexNode& node, int next);
  int AddRepeat(const RegexNode& node, int next);
  int AddAhead(const RegexNode& node, int next);
  int AddNode(Op op, int index, int next, int other);
  int SetIndex(const CharSet& set);
};

}  // namespace mmoe
