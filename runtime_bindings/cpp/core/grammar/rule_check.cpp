#include "core/grammar/rule_check.h"

#include <cstddef>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/grammar/utf8_ranges.h"

namespace mmoe::grammar {

namespace {

using Kind = Node::Kind;

// The least solution of "an expression holds if enough of its parts do": each is looked at once for each part.
class Holding {
 public:
  explicit Holding(const Grammar& grammar)
      : holds_(grammar.size()), missing_(grammar.size()), users_(grammar.size()) {}

  void Now(Expression expression) {
    if (holds_[expression]) return;
    holds_[expression] = true;
    work_.push_back(expression);
  }
  // Holds when all of `parts` do, or any of them.
  void WhenAll(Expression expression, const std::vector<Expression>& parts) {
    missing_[expression] = parts.size();
    for (const Expression part : parts) users_[part].push_back(expression);
    if (parts.empty()) Now(expression);
  }
  void WhenAny(Expression expression, const std::vector<Expression>& parts) {
    missing_[expression] = 1;
    for (const Expression part : parts) users_[part].push_back(expression);
  }

  std::vector<bool> Solve() {
    while (!work_.empty()) {
      const Expression expression = work_.back();
      work_.pop_back();
      for (const Expression user : users_[expression]) {
        if (missing_[user] > 0 && --missing_[user] == 0) Now(user);
      }
    }
    return std::move(holds_);
  }

 private:
  std::vector<bool> holds_;
  std::vector<size_t> missing_;
  std::vector<std::vector<Expression>> users_;
  std::vector<Expression> work_;
};

std::vector<Expression> Required(const Members& members) {
  std::vector<Expression> required;
  for (size_t index = 0; index < members.named.size(); ++index) {
    if ((members.required >> index & 1) != 0) required.push_back(members.named[index]);
  }
  return required;
}

std::vector<bool> FindNullable(const Grammar& grammar) {
  Holding nullable(grammar);
  for (Expression expression = 0; expression < grammar.size(); ++expression) {
    const Node& node = grammar.node(expression);
    switch (node.kind) {
      case Kind::kSequence:
        nullable.WhenAll(expression, node.children);
        break;
      case Kind::kAlternatives:
        nullable.WhenAny(expression, node.children);
        break;
      case Kind::kCharacter:
        break;
      case Kind::kLiteral:
        if (node.text.empty()) nullable.Now(expression);
        break;
      case Kind::kRepeat:
        nullable.WhenAny(expression, node.children);
        if (node.least == 0) nullable.Now(expression);
        break;
      case Kind::kRule:
        nullable.WhenAny(expression, {grammar.rules()[node.rule].is});
        break;
      case Kind::kMembers:
        if (grammar.members(node.rule).required == 0) nullable.Now(expression);
        break;
    }
  }
  return nullable.Solve();
}

std::vector<bool> FindProductive(const Grammar& grammar) {
  Holding productive(grammar);
  for (Expression expression = 0; expression < grammar.size(); ++expression) {
    const Node& node = grammar.node(expression);
    switch (node.kind) {
      case Kind::kSequence:
        productive.WhenAll(expression, node.children);
        break;
      case Kind::kAlternatives:
        productive.WhenAny(expression, node.children);
        break;
      case Kind::kCharacter:
        if (!Utf8Ranges(node.set).empty()) productive.Now(expression);
        break;
      case Kind::kLiteral:
        productive.Now(expression);
        break;
      case Kind::kRepeat:
        productive.WhenAny(expression, node.children);
        if (node.least == 0) productive.Now(expression);
        break;
      case Kind::kRule:
        productive.WhenAny(expression, {grammar.rules()[node.rule].is});
        break;
      case Kind::kMembers:
        productive.WhenAll(expression, Required(grammar.members(node.rule)));
        break;
    }
  }
  return productive.Solve();
}

// What an expression may begin with, or, with `beginning` false, all that it consists of; without what nothing matches.
class Parts {
 public:
  Parts(const Grammar& grammar, const RuleProperties& properties, bool beginning)
      : grammar_(grammar), properties_(properties), beginning_(beginning) {}

  std::vector<Expression> Of(Expression expression) const {
    const Node& node = grammar_.node(expression);
    std::vector<Expression> parts;
    const auto add = [&](const std::vector<Expression>& some) {
      for (const Expression part : some) {
        if (properties_.productive[part]) parts.push_back(part);
      }
    };
    switch (node.kind) {
      case Kind::kSequence:
        for (const Expression child : node.children) {
          parts.push_back(child);
          if (beginning_ && !properties_.nullable[child]) break;
        }
        break;
      case Kind::kAlternatives:
        add(node.children);
        break;
      case Kind::kRepeat:
        if (node.most > 0) add(node.children);
        break;
      case Kind::kRule:
        add({grammar_.rules()[node.rule].is});
        break;
      case Kind::kMembers: {
        const Members& members = grammar_.members(node.rule);
        add(members.named);
        add(members.others);
        if (!beginning_) add({members.separator});
        break;
      }
      case Kind::kCharacter:
      case Kind::kLiteral:
        break;
    }
    return parts;
  }

 private:
  const Grammar& grammar_;
  const RuleProperties& properties_;
  const bool beginning_;
};

std::vector<bool> FindUsed(const Grammar& grammar, const RuleProperties& properties) {
  const Parts parts(grammar, properties, false);
  std::vector<bool> used(grammar.rules().size());
  std::vector<bool> seen(grammar.size());
  std::vector<Expression> work = {grammar.rules()[0].is};
  used[0] = true;
  while (!work.empty()) {
    const Expression expression = work.back();
    work.pop_back();
    if (seen[expression]) continue;
    seen[expression] = true;
    const Node& node = grammar.node(expression);
    if (node.kind == Kind::kRule) used[node.rule] = true;
    for (const Expression part : parts.Of(expression)) work.push_back(part);
  }
  return used;
}

// A rule that begins with itself is a circle of parts that begin with each other. Depth first, without recursion.
void RefuseLeftRecursion(const Grammar& grammar, const RuleProperties& properties) {
  const Parts parts(grammar, properties, true);
  enum class Mark : uint8_t { kNew, kOpen, kDone };
  std::vector<Mark> marks(grammar.size());
  struct Level {
    Expression expression;
    std::vector<Expression> parts;
    size_t next;
  };
  for (Rule rule = 0; rule < grammar.rules().size(); ++rule) {
    const Expression root = grammar.rules()[rule].is;
    if (!properties.used[rule] || marks[root] == Mark::kDone) continue;
    marks[root] = Mark::kOpen;
    std::vector<Level> levels = {{root, parts.Of(root), 0}};
    while (!levels.empty()) {
      Level& level = levels.back();
      if (level.next == level.parts.size()) {
        marks[level.expression] = Mark::kDone;
        levels.pop_back();
        continue;
      }
      const Expression part = level.parts[level.next++];
      if (marks[part] == Mark::kDone) continue;
      const Node& node = grammar.node(part);
      const Expression target = node.kind == Kind::kRule ? grammar.rules()[node.rule].is : part;
      if (marks[part] == Mark::kOpen || marks[target] == Mark::kOpen) {
        throw CoreError(MMOE_INVALID_ARGUMENT,
                        grammar.rules()[node.rule].name +
                            " begins with itself (left recursion): put what it repeats in front of it");
      }
      marks[part] = Mark::kOpen;
      std::vector<Expression> next = parts.Of(part);
      levels.push_back({part, std::move(next), 0});
    }
  }
}

}  // namespace

RuleProperties CheckRules(const Grammar& grammar) {
  RuleProperties properties;
  properties.nullable = FindNullable(grammar);
  properties.productive = FindProductive(grammar);
  if (!properties.productive[grammar.rules()[0].is]) {
    throw CoreError(MMOE_INVALID_ARGUMENT, "no text can satisfy the " + grammar.rules()[0].name);
  }
  properties.used = FindUsed(grammar, properties);
  RefuseLeftRecursion(grammar, properties);
  return properties;
}

}  // namespace mmoe::grammar
