#pragma once

#include <memory>
#include <string>

#include "core/template/interpreter.h"

namespace mmoe::jinja {

// A macro, or the body of a call block, with the variables around its definition.
class MacroObject : public Object {
 public:
  MacroObject(const MacroDefinition& definition, Interpreter& interpreter);

  std::string TypeName() const override { return "macro"; }
  std::optional<Value> Attribute(Runtime& runtime, std::string_view name) override;
  Value Call(Runtime& runtime, const Arguments& arguments) override;
  Text Show(Runtime& runtime) override;
  void Release() override { closure_.reset(); }

 private:
  void Bind(Runtime& runtime, const Arguments& arguments);

  const MacroDefinition& definition_;
  Interpreter& interpreter_;
  std::shared_ptr<Scope> closure_;
};

Value MakeMacro(const MacroDefinition& definition, Interpreter& interpreter);

}  // namespace mmoe::jinja
