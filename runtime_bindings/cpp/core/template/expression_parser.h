#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "core/template/ast.h"
#include "core/template/token_stream.h"

namespace mmoe::jinja {

// The numbers of a template's names.
class NameTable {
 public:
  NameId Intern(const std::string& name) {
    const auto [found, fresh] = ids_.emplace(name, static_cast<NameId>(names_.size()));
    if (fresh) names_.push_back(name);
    return found->second;
  }
  std::vector<std::string> Take() { return std::move(names_); }

 private:
  std::unordered_map<std::string, NameId> ids_;
  std::vector<std::string> names_;
};

// Which of the names that a macro is given without parameters are read inside one.
struct MacroUses {
  bool varargs = false, kwargs = false, caller = false;
};

class ExpressionParser {
 public:
  ExpressionParser(TokenStream* stream, NameTable* names) : stream_(*stream), names_(*names) {}

  ExpressionPtr Full() { return ParseConditional(); }
  // An expression, or a tuple without parentheses: {{ a, b }}, {% for x in a, b %}.
  ExpressionPtr MaybeTuple(bool with_conditional = true) { return ParseTuple(with_conditional, false); }
  // The filters of a block, the first of which has no "|" in front.
  ExpressionPtr FilterChain(bool first_without_pipe);

  // Counts nested brackets and blocks, which the parser goes into recursively.
  class Nested {
   public:
    explicit Nested(ExpressionParser& parser);
    ~Nested() { --parser_.depth_; }
    Nested(const Nested&) = delete;

   private:
    ExpressionParser& parser_;
  };

  // Filters and tests that there are not. As in Jinja they are a fault, unless the `if` around them can keep
  // them from being reached: Forgive drops those found behind the first `count`, Refuse refuses the first of
  // them.
  size_t unknown_count() const { return unknown_.size(); }
  void ForgiveUnknown(size_t count) { unknown_.resize(count); }
  void RefuseUnknown(size_t count) const;

  // Where the names read are noted; null outside macros.
  MacroUses* uses = nullptr;

 private:
  ExpressionPtr ParseConditional();
  ExpressionPtr ParseOr();
  ExpressionPtr ParseAnd();
  ExpressionPtr ParseNot();
  ExpressionPtr ParseComparisons();
  bool TakeComparison(Comparison* comparison);
  ExpressionPtr ParseSum();
  ExpressionPtr ParseConcatenation();
  ExpressionPtr ParseProduct();
  ExpressionPtr ParsePower();
  ExpressionPtr ParseUnary(bool with_filters);
  ExpressionPtr ParsePrimary();
  ExpressionPtr ParseNumber();
  ExpressionPtr ParseList();
  ExpressionPtr ParseDict();
  ExpressionPtr ParseTuple(bool with_conditional, bool in_parentheses);
  ExpressionPtr ParsePostfix(ExpressionPtr node);
  ExpressionPtr ParseFilters(ExpressionPtr node);
  ExpressionPtr ParseFilter(ExpressionPtr input);
  ExpressionPtr ParseTest(ExpressionPtr input);
  ExpressionPtr ParseAttribute(ExpressionPtr object);
  ExpressionPtr ParseSubscript(ExpressionPtr object);
  ExpressionPtr ParseCall(ExpressionPtr callee);
  CallArguments ParseArguments();
  std::string ParseDottedName();

  // The node with its place and the height of what is `below` it; refuses a tree that is too high.
  template <typename Node>
  ExpressionPtr Finish(std::unique_ptr<Node> node, int line, int below) const {
    CheckHeight(below);
    node->line = line;
    node->height = below + 1;
    return node;
  }
  void CheckHeight(int height) const;

  TokenStream& stream_;
  NameTable& names_;
  int depth_ = 0;

  struct Unknown {
    int line = 0;
    std::string what;
  };
  std::vector<Unknown> unknown_;
};

}  // namespace mmoe::jinja
