#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/tokenizer/unicode/char_set.h"

namespace mmoe::grammar {

// A context-free grammar over characters: rules, and the expressions that they are made of. GBNF texts and JSON schemas
// become one; an Automaton reads it byte by byte.
using Expression = uint32_t;  // index of a node
using Rule = uint32_t;

constexpr uint32_t kNoLimit = UINT32_MAX;
constexpr int kMaxMembers = 64;

// The members of a JSON object that have names of their own, in any order, each at most once, and others between them.
// Bit i of `required` is names[i].
struct Members {
  std::vector<Expression> named;  // name, colon and value
  uint64_t required = 0;
  std::vector<Expression> others;  // none or one: any further member
  Expression separator = 0;
};

struct Node {
  enum class Kind : uint8_t {
    kSequence,      // children, one after the other; without any, the empty text
    kAlternatives,  // one of the children; without any, nothing matches
    kCharacter,     // one of `set`
    kLiteral,       // `text`
    kRepeat,        // the only child, `least` to `most` times
    kRule,          // what `rule` is
    kMembers,       // of grammar.members(rule)
  };
  Kind kind;
  std::vector<Expression> children;
  CharSet set;
  std::string text;
  uint32_t least = 0;
  uint32_t most = kNoLimit;
  uint32_t rule = 0;
};

class Grammar {
 public:
  Expression Empty() { return Sequence({}); }
  Expression Sequence(std::vector<Expression> parts);
  Expression Alternatives(std::vector<Expression> alternatives);
  Expression Character(CharSet set);
  Expression Literal(std::string text);
  Expression Repeat(Expression what, uint32_t least, uint32_t most);
  Expression Optional(Expression what) { return Repeat(what, 0, 1); }
  Expression Call(Rule rule);
  Expression AnyOrder(Members members);

  // A rule that is defined later. Rule 0 is the root.
  Rule NewRule(std::string name);
  void Define(Rule rule, Expression is);

  struct Definition {
    std::string name;
    Expression is = 0;
    bool defined = false;
  };
  const std::vector<Definition>& rules() const { return rules_; }
  const Node& node(Expression expression) const { return nodes_[expression]; }
  size_t size() const { return nodes_.size(); }
  const Members& members(uint32_t index) const { return members_[index]; }

 private:
  // Throws CoreError(MMOE_OUT_OF_RESOURCES) when there are too many.
  Expression Add(Node node);

  std::vector<Node> nodes_;
  std::vector<Members> members_;
  std::vector<Definition> rules_;
};

}  // namespace mmoe::grammar
