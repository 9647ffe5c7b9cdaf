#include "core/tokenizer/regex/dfa.h"

#include <map>
#include <utility>

#include "core/error.h"

namespace mmoe {

namespace {

using Op = Nfa::Op;

// An entry of a table costs memory, too: at most 24 MB.
constexpr size_t kEntry = 16;

// Follows the ways through an Nfa, each node once.
class Walk {
 public:
  Walk(const Nfa& nfa, Effort* effort) : nfa_(nfa), effort_(effort), seen_(nfa.nodes.size(), 0) {}

  void Begin() { ++round_; }

  // The nodes that are reached from `from` without reading anything, by rank; returns false when one of them
  // is a match, which is the last. `passes` says of a condition whether the walk goes through it or ends at
  // it.
  template <typename Passes, typename Found>
  bool From(int from, const Passes& passes, const Found& found) {
    stack_.push_back(from);
    while (!stack_.empty()) {
      const int index = stack_.back();
      stack_.pop_back();
      if (seen_[static_cast<size_t>(index)] == round_) continue;
      seen_[static_cast<size_t>(index)] = round_;
      effort_->Spend(1);
      const Nfa::Node& node = nfa_.nodes[static_cast<size_t>(index)];
      if (node.op == Op::kFork) {
        stack_.push_back(node.other);
        stack_.push_back(node.next);
      } else if (node.op == Op::kAhead && passes(node)) {
        stack_.push_back(node.next);
      } else {
        found(index);
        if (node.op == Op::kMatch) {
          stack_.clear();
          return false;
        }
      }
    }
    return true;
  }

 private:
  const Nfa& nfa_;
  Effort* effort_;
  std::vector<uint32_t> seen_;
  uint32_t round_ = 0;
  std::vector<int> stack_;
};

}  // namespace

void Effort::Spend(size_t steps) {
  if (left_ < steps) throw CoreError(MMOE_UNSUPPORTED, "the pattern makes too large an automaton");
  left_ -= steps;
}

Dfa::Dfa(const Nfa& nfa, const Symbols& symbols, Effort* effort) {
  std::map<std::vector<int>, uint32_t> known = {{{}, kDead}};
  std::vector<std::vector<int>> states = {{}};
  const auto number = [&](std::vector<int> state) {
    const auto [entry, is_new] = known.emplace(state, static_cast<uint32_t>(states.size() * symbols.size()));
    if (is_new) states.push_back(std::move(state));
    return entry->second;
  };
  Walk here(nfa, effort);
  Walk behind(nfa, effort);
  const auto stop = [](const Nfa::Node&) { return false; };

  std::vector<int> first;
  behind.Begin();
  behind.From(nfa.start, stop, [&](int node) { first.push_back(node); });
  start_ = number(std::move(first));
  for (size_t state = 0; state < states.size(); ++state) {
    effort->Spend(kEntry * symbols.size());
    steps_.resize(steps_.size() + symbols.size(), kDead);
    for (uint32_t symbol = 0; symbol < symbols.size(); ++symbol) {
      const auto holds = [&](const Nfa::Node& node) { return symbols.Holds(node.index, symbol); };
      std::vector<int> next;
      bool open = true;  // no way of the next state matches yet
      bool matches = false;
      const auto read = [&](int index) {
        const Nfa::Node& node = nfa.nodes[static_cast<size_t>(index)];
        if (node.op == Op::kMatch) matches = true;
        if (open && node.op == Op::kSet && symbols.IsOf(node.index, symbol)) {
          open = behind.From(node.next, stop, [&](int reached) { next.push_back(reached); });
        }
      };
      here.Begin();
      behind.Begin();
      for (const int way : states[state]) {
        if (!here.From(way, holds, read)) break;
      }
      steps_[state * symbols.size() + symbol] = number(std::move(next)) << 1 | (matches ? 1 : 0);
    }
  }
}

BackwardDfa::BackwardDfa(const Nfa& nfa, const Nfa::Ahead& body, const Symbols& symbols, Effort* effort)
    : symbols_(symbols.size()) {
  // Only the body's own nodes: a condition inside it is a bit of the symbol.
  std::vector<int> own;
  std::vector<bool> reached(nfa.nodes.size());
  std::vector<int> stack = {body.start};
  while (!stack.empty()) {
    const int index = stack.back();
    stack.pop_back();
    if (index < 0 || reached[static_cast<size_t>(index)]) continue;
    reached[static_cast<size_t>(index)] = true;
    own.push_back(index);
    stack.push_back(nfa.nodes[static_cast<size_t>(index)].next);
    stack.push_back(nfa.nodes[static_cast<size_t>(index)].other);
  }

  // A state holds the nodes from which a match can be reached.
  using State = std::vector<bool>;
  std::map<State, uint32_t> known;
  std::vector<State> states;
  const auto number = [&](const State& state) {
    const auto [entry, is_new] = known.emplace(state, static_cast<uint32_t>(states.size()));
    if (is_new) {
      states.push_back(state);
      matches_.push_back(state[static_cast<size_t>(body.start)]);
    }
    return entry->second;
  };
  number(State(nfa.nodes.size()));
  for (size_t current = 0; current < states.size(); ++current) {
    for (uint32_t symbol = 0; symbol < symbols_; ++symbol) {
      State state(nfa.nodes.size());
      for (bool changed = true; changed;) {
        changed = false;
        effort->Spend(kEntry + nfa.nodes.size());
        for (const int index : own) {
          if (state[static_cast<size_t>(index)]) continue;
          const Nfa::Node& node = nfa.nodes[static_cast<size_t>(index)];
          const auto leads_on = [&](const State& to, int target) { return to[static_cast<size_t>(target)]; };
          const bool can =
              node.op == Op::kMatch ||
              (node.op == Op::kSet && symbols.IsOf(node.index, symbol) &&
               leads_on(states[current], node.next)) ||
              (node.op == Op::kFork && (leads_on(state, node.next) || leads_on(state, node.other))) ||
              (node.op == Op::kAhead && symbols.Holds(node.index, symbol) && leads_on(state, node.next));
          if (can) state[static_cast<size_t>(index)] = changed = true;
        }
      }
      steps_.push_back(number(state));
    }
  }
}

}  // namespace mmoe
