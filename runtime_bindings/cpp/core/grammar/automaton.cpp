#include "core/grammar/automaton.h"

#include <algorithm>
#include <bitset>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/grammar/rule_check.h"
#include "core/grammar/utf8_ranges.h"

namespace mmoe::grammar {

namespace {

constexpr size_t kMaxStates = 2'000'000;

}  // namespace

// States are made from the end of a rule to its beginning: each needs to know what follows it.
class AutomatonBuilder {
 public:
  AutomatonBuilder(const Grammar& grammar, Automaton* automaton)
      : grammar_(grammar), properties_(CheckRules(grammar)), automaton_(*automaton) {}

  void Build() {
    for (const bool used : properties_.used) rules_.push_back(used ? Add({}) : 0);
    for (Rule rule = 0; rule < rules_.size(); ++rule) {
      if (!properties_.used[rule]) continue;
      const StateId begin = Compile(grammar_.rules()[rule].is, Add({}));
      Fork(rules_[rule], {begin});
    }
    automaton_.start_ = rules_[0];
  }

 private:
  StateId Add(State state) {
    if (automaton_.states_.size() == kMaxStates) {
      throw CoreError(MMOE_OUT_OF_RESOURCES,
                      "the grammar or schema needs more than " + std::to_string(kMaxStates) + " states");
    }
    automaton_.states_.push_back(state);
    return static_cast<StateId>(automaton_.states_.size() - 1);
  }

  StateId AddSteps(State::Op op, const std::vector<Step>& steps) {
    State state;
    state.op = op;
    state.steps_begin = static_cast<uint32_t>(automaton_.steps_.size());
    automaton_.steps_.insert(automaton_.steps_.end(), steps.begin(), steps.end());
    state.steps_end = static_cast<uint32_t>(automaton_.steps_.size());
    return Add(state);
  }

  // Makes `state`, which others may lead to already, a fork.
  void Fork(StateId state, const std::vector<StateId>& targets) {
    std::vector<Step> steps;
    for (const StateId target : targets) steps.push_back({0, 0, target});
    State& fork = automaton_.states_[state];
    fork.op = State::Op::kFork;
    fork.steps_begin = static_cast<uint32_t>(automaton_.steps_.size());
    automaton_.steps_.insert(automaton_.steps_.end(), steps.begin(), steps.end());
    fork.steps_end = static_cast<uint32_t>(automaton_.steps_.size());
  }

  StateId Compile(Expression expression, StateId next) {
    const Node& node = grammar_.node(expression);
    switch (node.kind) {
      case Node::Kind::kSequence:
        for (auto part = node.children.rbegin(); part != node.children.rend(); ++part) {
          next = Compile(*part, next);
        }
        return next;
      case Node::Kind::kAlternatives:
        return Alternatives(node, next);
      case Node::Kind::kCharacter:
        return Character(node.set, next);
      case Node::Kind::kLiteral:
        return Words({node.text}, next);
      case Node::Kind::kRepeat:
        return Repeat(node, next);
      case Node::Kind::kRule: {
        State call;
        call.op = State::Op::kCall;
        call.body = rules_[node.rule];
        call.next = Arrival(next);
        return Add(call);
      }
      case Node::Kind::kMembers:
        return CompileMembers(grammar_.members(node.rule), next);
    }
    return next;
  }

  // A frame with the state of a repeat goes on with its next round: what begins one behind a call needs a state of its own.
  StateId Arrival(StateId state) {
    const State::Op op = automaton_.states_[state].op;
    if (op != State::Op::kRepeat && op != State::Op::kMembers) return state;
    const StateId fork = Add({});
    Fork(fork, {state});
    return fork;
  }

  // Alternatives that are plain words are read as one trie: an enumeration may have thousands.
  StateId Alternatives(const Node& node, StateId next) {
    std::vector<std::string_view> words;
    std::vector<StateId> targets;
    for (const Expression child : node.children) {
      if (!properties_.productive[child]) continue;
      const Node& alternative = grammar_.node(child);
      if (alternative.kind == Node::Kind::kLiteral) {
        words.push_back(alternative.text);
      } else {
        targets.push_back(Compile(child, next));
      }
    }
    if (!words.empty()) {
      std::sort(words.begin(), words.end());
      targets.push_back(Words(words, next));
    }
    if (targets.size() == 1) return targets[0];
    const StateId fork = Add({});
    Fork(fork, targets);
    return fork;
  }

  // Of sorted words; equal ones count once.
  StateId Words(const std::vector<std::string_view>& words, StateId next) {
    return Words(words, 0, words.size(), 0, next);
  }

  StateId Words(const std::vector<std::string_view>& words, size_t begin, size_t end, size_t depth,
                StateId next) {
    // What all of them share is read in a chain, not by recursion, which a long word would make deep.
    const std::string_view first = words[begin];
    const std::string_view last = words[end - 1];
    size_t shared = depth;
    while (shared < first.size() && shared < last.size() && first[shared] == last[shared]) ++shared;
    StateId state = next;
    if (shared < last.size()) {
      std::vector<Step> steps;
      bool ends_here = false;
      for (size_t at = begin; at < end;) {
        if (words[at].size() == shared) {
          ends_here = true;
          ++at;
          continue;
        }
        size_t until = at;
        while (until < end && words[until].size() > shared && words[until][shared] == words[at][shared])
          ++until;
        const auto byte = static_cast<uint8_t>(words[at][shared]);
        steps.push_back({byte, byte, Words(words, at, until, shared + 1, next)});
        at = until;
      }
      state = AddSteps(State::Op::kRead, steps);
      if (ends_here) {
        const StateId fork = Add({});
        Fork(fork, {state, next});
        state = fork;
      }
    }
    for (size_t at = shared; at > depth; --at) {
      const auto byte = static_cast<uint8_t>(first[at - 1]);
      state = AddSteps(State::Op::kRead, {{byte, byte, state}});
    }
    return state;
  }

  StateId Character(const CharSet& set, StateId next) {
    const auto& [entry, is_new] = characters_.emplace(std::pair(KeyOf(set), next), 0);
    if (is_new) {
      const std::vector<UnitRanges> codes = Utf8Ranges(set);
      entry->second = Codes(codes, 0, codes.size(), 0, next);
    }
    return entry->second;
  }

  static std::vector<uint32_t> KeyOf(const CharSet& set) {
    std::vector<uint32_t> key;
    for (const CharRange& range : set.ranges()) key.insert(key.end(), {range.first, range.last});
    return key;
  }

  // Codes with the same first bytes stand together, because they come in the order of their characters.
  StateId Codes(const std::vector<UnitRanges>& codes, size_t begin, size_t end, size_t place, StateId next) {
    std::vector<Step> steps;
    for (size_t at = begin; at < end;) {
      const UnitRange range = codes[at][place];
      size_t until = at;
      while (until < end && codes[until][place].first == range.first &&
             codes[until][place].last == range.last && codes[until].size() == codes[at].size()) {
        ++until;
      }
      const StateId target = place + 1 == codes[at].size() ? next : Codes(codes, at, until, place + 1, next);
      steps.push_back({static_cast<uint8_t>(range.first), static_cast<uint8_t>(range.last), target});
      at = until;
    }
    return AddSteps(State::Op::kRead, steps);
  }

  StateId Repeat(const Node& node, StateId next) {
    const Expression what = node.children[0];
    // What may be empty is so as often as it must.
    const uint32_t least = properties_.nullable[what] ? 0 : node.least;
    if (node.most == 0 || !properties_.productive[what]) return next;
    if (least <= 1 && node.most == kNoLimit) {
      const StateId loop = Add({});
      const StateId body = Compile(what, loop);
      Fork(loop, {body, next});
      return least == 0 ? loop : body;
    }
    if (least == 0 && node.most == 1) {
      const StateId fork = Add({});
      const StateId body = Compile(what, next);
      Fork(fork, {body, next});
      return fork;
    }
    if (least == 1 && node.most == 1) return Compile(what, next);
    State repeat;
    repeat.op = State::Op::kRepeat;
    repeat.body = Compile(what, Add({}));
    repeat.next = next;
    repeat.least = least;
    repeat.most = node.most;
    return Add(repeat);
  }

  StateId CompileMembers(const Members& members, StateId next) {
    MemberStates states;
    for (size_t index = 0; index < members.named.size(); ++index) {
      if (!properties_.productive[members.named[index]]) continue;
      if ((members.required >> index & 1) != 0) states.required |= uint64_t{1} << states.named.size();
      states.named.push_back(Compile(members.named[index], Add({})));
    }
    for (const Expression member : members.others) {
      if (properties_.productive[member]) states.others.push_back(Compile(member, Add({})));
    }
    states.separator = Compile(members.separator, Add({}));
    automaton_.members_.push_back(std::move(states));
    State state;
    state.op = State::Op::kNextMember;
    state.members = static_cast<uint32_t>(automaton_.members_.size() - 1);
    state.next = next;
    const StateId choose = Add(state);
    state.op = State::Op::kMembers;
    state.body = choose;
    return Add(state);
  }

  const Grammar& grammar_;
  const RuleProperties properties_;
  Automaton& automaton_;
  std::vector<StateId> rules_;
  std::map<std::pair<std::vector<uint32_t>, StateId>, StateId> characters_;
};

Automaton::Automaton(const Grammar& grammar) {
  AutomatonBuilder(grammar, this).Build();
  FindClasses();
}

void Automaton::FindClasses() {
  // Between two borders of ranges all bytes are one class.
  std::bitset<257> borders;
  borders.set(0);
  for (const Step& step : steps_) {
    borders.set(step.first);
    borders.set(static_cast<size_t>(step.last) + 1);
  }
  for (size_t byte = 0; byte < classes_.size(); ++byte) {
    if (borders[byte]) ++class_count_;
    classes_[byte] = class_count_ - 1;
  }
}

}  // namespace mmoe::grammar
