#include "core/tokenizer/regex/nfa.h"

#include <algorithm>

#include "core/error.h"

namespace mmoe {

namespace {

constexpr size_t kMaxNodes = 20000;
constexpr int kMaxBodies = 3;  // every one doubles the automaton's symbols
constexpr int kNone = -1;

}  // namespace

Nfa::Nfa(const RegexNode& root) { start = Add(root, AddNode(Op::kMatch, kNone, kNone, kNone)); }

int Nfa::AddNode(Op op, int index, int next, int other) {
  if (nodes.size() == kMaxNodes) throw CoreError(MMOE_UNSUPPORTED, "the pattern has too many repeats");
  nodes.push_back({op, index, next, other});
  return static_cast<int>(nodes.size() - 1);
}

int Nfa::SetIndex(const CharSet& set) {
  const auto found = std::find(sets.begin(), sets.end(), set);
  if (found != sets.end()) return static_cast<int>(found - sets.begin());
  sets.push_back(set);
  return static_cast<int>(sets.size() - 1);
}

// Returns where `node`, followed by `next`, begins.
int Nfa::Add(const RegexNode& node, int next) {
  switch (node.kind) {
    case RegexNode::Kind::kEmpty:
      return next;
    case RegexNode::Kind::kSet:
      return AddNode(Op::kSet, SetIndex(node.set), next, kNone);
    case RegexNode::Kind::kSequence:
      for (auto child = node.children.rbegin(); child != node.children.rend(); ++child)
        next = Add(**child, next);
      return next;
    case RegexNode::Kind::kAlternate: {
      int alternatives = Add(*node.children.back(), next);
      for (auto child = node.children.rbegin() + 1; child != node.children.rend(); ++child) {
        const int first = Add(**child, next);
        alternatives = AddNode(Op::kFork, kNone, first, alternatives);
      }
      return alternatives;
    }
    case RegexNode::Kind::kRepeat:
      return AddRepeat(node, next);
    case RegexNode::Kind::kAhead:
      return AddAhead(node, next);
  }
  return next;
}

int Nfa::AddRepeat(const RegexNode& node, int next) {
  const RegexNode& body = *node.children[0];
  const auto fork = [&](int again, int end) {
    return node.greedy ? AddNode(Op::kFork, kNone, again, end) : AddNode(Op::kFork, kNone, end, again);
  };
  int begin = next;
  if (node.most == RegexNode::kNoLimit) {
    begin = AddNode(Op::kFork, kNone, kNone, kNone);
    const int again = Add(body, begin);
    Node& loop = nodes[static_cast<size_t>(begin)];
    loop.next = node.greedy ? again : next;
    loop.other = node.greedy ? next : again;
  } else {
    for (int more = node.least; more < node.most; ++more) begin = fork(Add(body, begin), next);
  }
  for (int must = 0; must < node.least; ++must) begin = Add(body, begin);
  return begin;
}

int Nfa::AddAhead(const RegexNode& node, int next) {
  const RegexNode& body = *node.children[0];
  Ahead ahead{node.negative, kBody, kNone, kNone};
  if (body.kind == RegexNode::Kind::kSet) {
    ahead.set = SetIndex(body.set);
  } else {
    ahead.start = Add(body, AddNode(Op::kMatch, kNone, kNone, kNone));
    ahead.bit = bodies++;
    if (bodies > kMaxBodies) throw CoreError(MMOE_UNSUPPORTED, "the pattern looks ahead in too many places");
  }
  aheads.push_back(ahead);
  return AddNode(Op::kAhead, static_cast<int>(aheads.size() - 1), next, kNone);
}

}  // namespace mmoe
