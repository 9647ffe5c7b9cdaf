#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/template/arithmetic.h"
#include "core/template/filters.h"
#include "core/template/tests.h"
#include "core/template/value.h"

namespace mmoe::jinja {

class Interpreter;

// A name of the template by its number, which scopes look up.
using NameId = int;

// ---- Expressions ----

struct Expression {
  virtual ~Expression() = default;
  virtual Value Evaluate(Interpreter& interpreter) const = 0;

  int line = 0;
  int height = 1;  // of the tree below, which is gone through recursively
};
using ExpressionPtr = std::unique_ptr<Expression>;

struct Constant : Expression {
  explicit Constant(Value constant) : value(std::move(constant)) {}
  Value Evaluate(Interpreter& interpreter) const override;
  Value value;
};

struct Name : Expression {
  Name(NameId number, const std::string& text) : id(number), undefined(Value::Undefined("'" + text + "'")) {}
  Value Evaluate(Interpreter& interpreter) const override;
  NameId id;
  Value undefined;  // what it is where nobody has set it
};

struct Unary : Expression {
  enum class Kind : uint8_t { kNegate, kPositive, kNot };
  Value Evaluate(Interpreter& interpreter) const override;
  Kind kind;
  ExpressionPtr operand;
};

struct Binary : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  Operator operation;
  ExpressionPtr left, right;
};

// `and`, `or`: the operand that decides.
struct Logical : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  bool is_or;
  ExpressionPtr left, right;
};

enum class Comparison : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn
};

// a < b <= c
struct Comparisons : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
};

struct Concatenation : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  std::vector<ExpressionPtr> parts;
};

struct Conditional : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  ExpressionPtr test, then, otherwise;  // `otherwise` may be null
};

struct AttributeOf : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  ExpressionPtr object;
  std::string name;
};

struct ItemOf : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  ExpressionPtr object, key;
};

struct SliceOf : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  ExpressionPtr object, start, stop, step;  // the last three may be null
};

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr more_positional, more_named;  // *args and **kwargs; may be null
  int height = 0;
};

struct CallOf : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  ExpressionPtr callee;
  CallArguments arguments;
};

struct Filtered : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  ExpressionPtr input;
  std::string name;
  Filter filter;  // nullptr for one that there is not, which must not be reached
  CallArguments arguments;
};

struct Tested : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  ExpressionPtr input;
  std::string name;
  Test test;  // nullptr as above
  CallArguments arguments;
};

struct SequenceLiteral : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  bool is_tuple;
  std::vector<ExpressionPtr> items;
};

struct DictLiteral : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};

// The text of the block around, which a chain of filters begins with: {% filter upper %}, {% set x | trim %}.
struct CapturedText : Expression {
  Value Evaluate(Interpreter& interpreter) const override;
};

// ---- Statements ----

enum class Flow : uint8_t { kNext, kBreak, kContinue };

struct Statement {
  virtual ~Statement() = default;
  virtual Flow Execute(Interpreter& interpreter) const = 0;

  int line = 0;
};
using StatementPtr = std::unique_ptr<Statement>;
using Block = std::vector<StatementPtr>;

// What a value is given to: a name, a namespace's attribute, or a tuple of such.
struct Target {
  NameId name = -1;
  std::string attribute;  // of the namespace `name`; empty for the name itself
  std::vector<Target> parts;
};

struct Data : Statement {
  Flow Execute(Interpreter& interpreter) const override;
  Text text;
};

struct Output : Statement {
  Flow Execute(Interpreter& interpreter) const override;
  ExpressionPtr expression;
};

struct If : Statement {
  Flow Execute(Interpreter& interpreter) const override;
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};

struct For : Statement {
  Flow Execute(Interpreter& interpreter) const override;
  Target target;
  ExpressionPtr iterable, filter;  // `filter` may be null
  Block body, otherwise;
  bool recursive = false;
};

struct Set : Statement {
  Flow Execute(Interpreter& interpreter) const override;
  Target target;
  ExpressionPtr value;
};

// {% set x %}...{% endset %}
struct SetBlock : Statement {
  Flow Execute(Interpreter& interpreter) const override;
  Target target;
  ExpressionPtr value;  // the captured text through its filters
  Block body;
};

struct With : Statement {
  Flow Execute(Interpreter& interpreter) const override;
  std::vector<std::pair<Target, ExpressionPtr>> values;
  Block body;
};

// {% filter upper %}, and {% generation %}, which has no filter.
struct FilterBlock : Statement {
  Flow Execute(Interpreter& interpreter) const override;
  ExpressionPtr value;
  Block body;
};

struct MacroDefinition {
  std::string name;
  std::vector<std::pair<NameId, std::string>> parameters;
  std::vector<ExpressionPtr> defaults;  // of the last parameters
  Block body;
  int line = 0;
  // Whether the body names them, and so takes them.
  bool takes_varargs = false, takes_kwargs = false, takes_caller = false;
  NameId varargs = -1, kwargs = -1, caller = -1;
};

struct Macro : Statement {
  Flow Execute(Interpreter& interpreter) const override;
  NameId name;
  MacroDefinition definition;
};

// {% call(item) macro() %}...{% endcall %}
struct CallBlock : Statement {
  Flow Execute(Interpreter& interpreter) const override;
  std::unique_ptr<CallOf> call;
  MacroDefinition caller;
};

struct LoopControl : Statement {
  Flow Execute(Interpreter& interpreter) const override;
  Flow flow;
};

// A parsed template. Rendering does not change it.
struct Program {
  std::vector<std::string> names;  // by NameId
  NameId loop = -1;
  Block body;
};

}  // namespace mmoe::jinja
