// What each statement does; see ast.h.

#include "core/template/compare.h"
#include "core/template/interpreter.h"
#include "core/template/loop.h"
#include "core/template/macro.h"
#include "core/template/show.h"

namespace mmoe::jinja {

Flow Data::Execute(Interpreter& interpreter) const {
  interpreter.Write(text);
  return Flow::kNext;
}

Flow Output::Execute(Interpreter& interpreter) const {
  const Value value = interpreter.Evaluate(*expression);
  interpreter.At(line);
  interpreter.Write(value.IsString() ? value.text() : Str(interpreter.runtime(), value));
  return Flow::kNext;
}

Flow If::Execute(Interpreter& interpreter) const {
  for (const auto& [test, body] : branches) {
    if (Truth(interpreter.Evaluate(*test))) return interpreter.Execute(body);
  }
  return interpreter.Execute(otherwise);
}

Flow For::Execute(Interpreter& interpreter) const {
  return RunLoop(*this, interpreter, interpreter.Evaluate(*iterable), 0);
}

Flow Set::Execute(Interpreter& interpreter) const {
  const Value assigned = interpreter.Evaluate(*value);
  interpreter.At(line);
  interpreter.Assign(target, assigned);
  return Flow::kNext;
}

Flow SetBlock::Execute(Interpreter& interpreter) const {
  Text text;
  const Flow flow = interpreter.Capture(body, &text);
  if (flow != Flow::kNext) return flow;
  interpreter.captured_text = interpreter.runtime().String(std::move(text));
  interpreter.Assign(target, interpreter.Evaluate(*value));
  return Flow::kNext;
}

Flow With::Execute(Interpreter& interpreter) const {
  std::vector<Value> assigned;
  for (const auto& [target, value] : values) assigned.push_back(interpreter.Evaluate(*value));
  const Interpreter::Scoped scoped(interpreter, interpreter.scope());
  for (size_t at = 0; at < values.size(); ++at) interpreter.Assign(values[at].first, assigned[at]);
  return interpreter.Execute(body);
}

Flow FilterBlock::Execute(Interpreter& interpreter) const {
  Text text;
  const Flow flow = interpreter.Capture(body, &text);
  if (flow != Flow::kNext) return flow;
  interpreter.captured_text = interpreter.runtime().String(std::move(text));
  interpreter.Write(Str(interpreter.runtime(), interpreter.Evaluate(*value)));
  return Flow::kNext;
}

Flow Macro::Execute(Interpreter& interpreter) const {
  interpreter.scope()->Set(name, MakeMacro(definition, interpreter));
  return Flow::kNext;
}

Flow CallBlock::Execute(Interpreter& interpreter) const {
  const Value callee = interpreter.Evaluate(*call->callee);
  Arguments arguments = interpreter.Evaluate(call->arguments);
  arguments.named.emplace_back("caller", MakeMacro(caller, interpreter));
  interpreter.At(line);
  interpreter.Write(Str(interpreter.runtime(), interpreter.runtime().Call(callee, arguments)));
  return Flow::kNext;
}

Flow LoopControl::Execute(Interpreter&) const { return flow; }

}  // namespace mmoe::jinja
