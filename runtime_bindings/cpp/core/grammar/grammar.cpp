#include "core/grammar/grammar.h"

#include <utility>

#include "core/error.h"

namespace mmoe::grammar {

namespace {

// A schema of this size has some megabytes; its automaton still fits into a phone.
constexpr size_t kMaxNodes = 200'000;

using Kind = Node::Kind;

Node OfKind(Kind kind) {
  Node node;
  node.kind = kind;
  return node;
}

Node OfChildren(Kind kind, std::vector<Expression> children) {
  Node node = OfKind(kind);
  node.children = std::move(children);
  return node;
}

}  // namespace

Expression Grammar::Add(Node node) {
  if (nodes_.size() == kMaxNodes) {
    throw CoreError(MMOE_OUT_OF_RESOURCES,
                    "the grammar or schema has more than " + std::to_string(kMaxNodes) + " parts");
  }
  nodes_.push_back(std::move(node));
  return static_cast<Expression>(nodes_.size() - 1);
}

Expression Grammar::Sequence(std::vector<Expression> parts) {
  return parts.size() == 1 ? parts[0] : Add(OfChildren(Kind::kSequence, std::move(parts)));
}

Expression Grammar::Alternatives(std::vector<Expression> alternatives) {
  return alternatives.size() == 1 ? alternatives[0]
                                  : Add(OfChildren(Kind::kAlternatives, std::move(alternatives)));
}

Expression Grammar::Character(CharSet set) {
  Node node = OfKind(Kind::kCharacter);
  node.set = std::move(set);
  return Add(std::move(node));
}

Expression Grammar::Literal(std::string text) {
  Node node = OfKind(Kind::kLiteral);
  node.text = std::move(text);
  return Add(std::move(node));
}

Expression Grammar::Repeat(Expression what, uint32_t least, uint32_t most) {
  Node node = OfChildren(Kind::kRepeat, {what});
  node.least = least;
  node.most = most;
  return Add(std::move(node));
}

Expression Grammar::Call(Rule rule) {
  Node node = OfKind(Kind::kRule);
  node.rule = rule;
  return Add(std::move(node));
}

Expression Grammar::AnyOrder(Members members) {
  members_.push_back(std::move(members));
  Node node = OfKind(Kind::kMembers);
  node.rule = static_cast<uint32_t>(members_.size() - 1);
  return Add(std::move(node));
}

Rule Grammar::NewRule(std::string name) {
  rules_.push_back({std::move(name), 0, false});
  return static_cast<Rule>(rules_.size() - 1);
}

void Grammar::Define(Rule rule, Expression is) {
  rules_[rule].is = is;
  rules_[rule].defined = true;
}

}  // namespace mmoe::grammar
