#include "core/template/interpreter.h"

#include "core/template/globals.h"
#include "core/template/namespace.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

void Scope::Set(NameId name, Value value) {
  for (auto& [known, old] : variables) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  variables.emplace_back(name, std::move(value));
}

Interpreter::Interpreter(const Program& program, Runtime& runtime) : program_(program), runtime_(runtime) {}

Text Interpreter::Run(const Dict& variables) {
  auto globals = std::make_shared<Scope>(nullptr);
  for (size_t id = 0; id < program_.names.size(); ++id) {
    const std::string& name = program_.names[id];
    if (const Value* given = variables.Find(name)) {
      globals->Set(static_cast<NameId>(id), *given);
    } else if (std::optional<Value> known = FindGlobal(name)) {
      globals->Set(static_cast<NameId>(id), *std::move(known));
    }
  }
  scope_ = std::make_shared<Scope>(std::move(globals));
  Text text;
  const Captured captured(*this, &text);
  Execute(program_.body);
  return text;
}

Value Interpreter::Evaluate(const Expression& expression) {
  const Budget::Nested nested(runtime_.budget());
  runtime_.budget().Step();
  line_ = expression.line;
  return expression.Evaluate(*this);
}

Arguments Interpreter::Evaluate(const CallArguments& given) {
  Arguments arguments;
  for (const ExpressionPtr& value : given.positional) arguments.positional.push_back(Evaluate(*value));
  for (const auto& [name, value] : given.named) arguments.named.emplace_back(name, Evaluate(*value));
  if (given.more_positional) {
    const auto more = runtime_.Iterate(Evaluate(*given.more_positional));
    arguments.positional.insert(arguments.positional.end(), more->items.begin(), more->items.end());
  }
  if (given.more_named) {
    const Value more = Evaluate(*given.more_named);
    if (!more.Is(Kind::kDict)) Raise("the argument behind ** is not a dict");
    for (const auto& [name, value] : more.dict().entries) {
      if (!name.IsString()) Raise("the argument behind ** has keys that are no strings");
      arguments.named.emplace_back(name.text().bytes(), value);
    }
  }
  return arguments;
}

Flow Interpreter::Execute(const Block& block) {
  const Budget::Nested nested(runtime_.budget());
  for (const StatementPtr& statement : block) {
    runtime_.budget().Step();
    line_ = statement->line;
    const Flow flow = statement->Execute(*this);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

void Interpreter::Write(const Text& text) {
  runtime_.budget().Bytes(text.size());
  output_->Append(text);
}

Flow Interpreter::Capture(const Block& block, Text* text) {
  const Scoped scoped(*this, scope_);
  const Captured captured(*this, text);
  return Execute(block);
}

const Value* Interpreter::Find(NameId name) const {
  for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    for (const auto& [known, value] : scope->variables) {
      if (known == name) return &value;
    }
  }
  return nullptr;
}

void Interpreter::Assign(const Target& target, const Value& value) {
  if (!target.parts.empty()) {
    const auto items = runtime_.Iterate(value);
    if (items->items.size() != target.parts.size()) {
      Raise("cannot assign " + std::to_string(items->items.size()) + " values to " +
            std::to_string(target.parts.size()) + " names");
    }
    for (size_t part = 0; part < target.parts.size(); ++part) Assign(target.parts[part], items->items[part]);
    return;
  }
  if (target.attribute.empty()) {
    scope_->Set(target.name, value);
    return;
  }
  const Value* owner = Find(target.name);
  auto* name_space =
      owner != nullptr && owner->Is(Kind::kObject) ? dynamic_cast<Namespace*>(&owner->object()) : nullptr;
  if (name_space == nullptr) Raise("only attributes of a namespace can be assigned to");
  name_space->Set(target.attribute, value);
}

}  // namespace mmoe::jinja
