#include "core/template/macro.h"

#include "core/template/template_error.h"

namespace mmoe::jinja {

MacroObject::MacroObject(const MacroDefinition& definition, Interpreter& interpreter)
    : definition_(definition), interpreter_(interpreter), closure_(interpreter.scope()) {}

std::optional<Value> MacroObject::Attribute(Runtime&, std::string_view name) {
  if (name == "name") return Value::String(Text(definition_.name));
  return std::nullopt;
}

Value MacroObject::Call(Runtime& runtime, const Arguments& arguments) {
  const Budget::Nested nested(runtime.budget());
  Text text;
  {
    const Interpreter::Scoped scoped(interpreter_, closure_);
    const Interpreter::Captured captured(interpreter_, &text);
    Bind(runtime, arguments);
    interpreter_.Execute(definition_.body);
  }
  return runtime.String(std::move(text));
}

void MacroObject::Bind(Runtime& runtime, const Arguments& arguments) {
  Scope& scope = *interpreter_.scope();
  const size_t count = definition_.parameters.size();
  const size_t given = arguments.positional.size();
  std::vector<std::pair<std::string, Value>> named = arguments.named;
  const auto take = [&](const std::string& name) -> std::optional<Value> {
    for (auto argument = named.begin(); argument != named.end(); ++argument) {
      if (argument->first != name) continue;
      Value value = std::move(argument->second);
      named.erase(argument);
      return value;
    }
    return std::nullopt;
  };
  std::vector<size_t> missing;
  for (size_t at = 0; at < count; ++at) {
    const auto& [id, name] = definition_.parameters[at];
    if (at < given) {
      scope.Set(id, arguments.positional[at]);
    } else if (std::optional<Value> value = take(name)) {
      scope.Set(id, *std::move(value));
    } else {
      missing.push_back(at);
    }
  }
  if (definition_.takes_caller) {
    const std::optional<Value> caller = take("caller");
    scope.Set(definition_.caller, caller ? *caller : Value::Undefined("the caller of " + definition_.name));
  }
  if (definition_.takes_kwargs) {
    std::vector<std::pair<Value, Value>> entries;
    for (auto& [name, value] : named) entries.emplace_back(Value::String(Text(name)), std::move(value));
    scope.Set(definition_.kwargs, runtime.Dict(std::move(entries)));
  } else if (!named.empty()) {
    Raise("the macro " + definition_.name + " takes no argument \"" + named[0].first + "\"");
  }
  if (definition_.takes_varargs) {
    std::vector<Value> rest;
    for (size_t at = count; at < given; ++at) rest.push_back(arguments.positional[at]);
    scope.Set(definition_.varargs, runtime.Tuple(std::move(rest)));
  } else if (given > count) {
    Raise("the macro " + definition_.name + " takes no more than " + std::to_string(count) + " arguments");
  }
  // Defaults may name the parameters before them.
  const size_t without_default = count - definition_.defaults.size();
  for (const size_t at : missing) {
    const auto& [id, name] = definition_.parameters[at];
    scope.Set(id, at < without_default ? Value::Undefined("the parameter '" + name + "'")
                                       : interpreter_.Evaluate(*definition_.defaults[at - without_default]));
  }
}

Text MacroObject::Show(Runtime&) { return Text("<Macro '" + definition_.name + "'>"); }

Value MakeMacro(const MacroDefinition& definition, Interpreter& interpreter) {
  return Value::Of(std::static_pointer_cast<Object>(
      interpreter.runtime().Keep(std::make_shared<MacroObject>(definition, interpreter))));
}

}  // namespace mmoe::jinja
