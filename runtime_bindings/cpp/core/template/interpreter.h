#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/template/ast.h"
#include "core/template/runtime.h"

namespace mmoe::jinja {

// The variables of one block of a template; what it lacks is looked up around it.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> outer) : parent(std::move(outer)) {}

  void Set(NameId name, Value value);

  std::shared_ptr<Scope> parent;
  std::vector<std::pair<NameId, Value>> variables;
};

// Runs a program once.
class Interpreter {
 public:
  Interpreter(const Program& program, Runtime& runtime);

  // The template's text with these variables, which go before the names that every template has.
  Text Run(const Dict& variables);

  const Program& program() const { return program_; }
  Runtime& runtime() { return runtime_; }
  int line() const { return line_; }
  // Where what goes wrong next will be.
  void At(int line) { line_ = line; }

  Value Evaluate(const Expression& expression);
  Arguments Evaluate(const CallArguments& arguments);
  Flow Execute(const Block& block);

  void Write(const Text& text);
  // What `block` writes, in a scope of its own.
  Flow Capture(const Block& block, Text* text);

  const Value* Find(NameId name) const;
  void Assign(const Target& target, const Value& value);

  const std::shared_ptr<Scope>& scope() const { return scope_; }
  // A scope inside `around`, in effect as long as this lives.
  class Scoped {
   public:
    Scoped(Interpreter& interpreter, std::shared_ptr<Scope> around)
        : interpreter_(interpreter), before_(std::move(interpreter.scope_)) {
      interpreter_.scope_ = std::make_shared<Scope>(std::move(around));
    }
    ~Scoped() { interpreter_.scope_ = std::move(before_); }
    Scoped(const Scoped&) = delete;

   private:
    Interpreter& interpreter_;
    std::shared_ptr<Scope> before_;
  };
  // Sends what is written to `text` as long as this lives.
  class Captured {
   public:
    Captured(Interpreter& interpreter, Text* text)
        : interpreter_(interpreter), before_(std::exchange(interpreter.output_, text)) {}
    ~Captured() { interpreter_.output_ = before_; }
    Captured(const Captured&) = delete;

   private:
    Interpreter& interpreter_;
    Text* before_;
  };

  Value captured_text;  // what CapturedText gives next

 private:
  const Program& program_;
  Runtime& runtime_;
  std::shared_ptr<Scope> scope_;
  Text* output_ = nullptr;
  int line_ = 1;
};

}  // namespace mmoe::jinja
