// What each expression is worth; see ast.h.

#include "core/template/attributes.h"
#include "core/template/compare.h"
#include "core/template/interpreter.h"
#include "core/template/methods.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

namespace {

bool Holds(Interpreter& interpreter, Comparison comparison, const Value& left, const Value& right) {
  Runtime& runtime = interpreter.runtime();
  switch (comparison) {
    case Comparison::kIn:
      return Contains(runtime, right, left);
    case Comparison::kNotIn:
      return !Contains(runtime, right, left);
    default:
      runtime.ChargeComparison(left, right);
  }
  if (comparison == Comparison::kEqual) return Equal(left, right);
  if (comparison == Comparison::kNotEqual) return !Equal(left, right);
  const Order order = Compare(left, right);
  switch (comparison) {
    case Comparison::kLess:
      return order == Order::kLess;
    case Comparison::kLessEqual:
      return order == Order::kLess || order == Order::kEqual;
    case Comparison::kGreater:
      return order == Order::kGreater;
    default:
      return order == Order::kGreater || order == Order::kEqual;
  }
}

}  // namespace

Value Constant::Evaluate(Interpreter&) const { return value; }

Value Name::Evaluate(Interpreter& interpreter) const {
  const Value* found = interpreter.Find(id);
  return found != nullptr ? *found : undefined;
}

Value Unary::Evaluate(Interpreter& interpreter) const {
  const Value value = interpreter.Evaluate(*operand);
  interpreter.At(line);
  switch (kind) {
    case Kind::kNegate:
      return Negate(value);
    case Kind::kPositive:
      return Positive(value);
    default:
      return Value::Bool(!Truth(value));
  }
}

Value Binary::Evaluate(Interpreter& interpreter) const {
  const Value a = interpreter.Evaluate(*left);
  const Value b = interpreter.Evaluate(*right);
  interpreter.At(line);
  return Calculate(interpreter.runtime(), operation, a, b);
}

Value Logical::Evaluate(Interpreter& interpreter) const {
  Value value = interpreter.Evaluate(*left);
  return Truth(value) == is_or ? value : interpreter.Evaluate(*right);
}

Value Comparisons::Evaluate(Interpreter& interpreter) const {
  Value before = interpreter.Evaluate(*first);
  for (const auto& [comparison, operand] : rest) {
    Value after = interpreter.Evaluate(*operand);
    interpreter.At(line);
    if (!Holds(interpreter, comparison, before, after)) return Value::Bool(false);
    before = std::move(after);
  }
  return Value::Bool(true);
}

Value Concatenation::Evaluate(Interpreter& interpreter) const {
  std::vector<Value> values;
  for (const ExpressionPtr& part : parts) values.push_back(interpreter.Evaluate(*part));
  interpreter.At(line);
  return Concatenate(interpreter.runtime(), values);
}

Value Conditional::Evaluate(Interpreter& interpreter) const {
  if (Truth(interpreter.Evaluate(*test))) return interpreter.Evaluate(*then);
  return otherwise ? interpreter.Evaluate(*otherwise) : Value::Undefined("the value of an if without else");
}

Value AttributeOf::Evaluate(Interpreter& interpreter) const {
  const Value value = interpreter.Evaluate(*object);
  interpreter.At(line);
  return GetAttribute(interpreter.runtime(), value, name);
}

Value ItemOf::Evaluate(Interpreter& interpreter) const {
  const Value value = interpreter.Evaluate(*object);
  const Value index = interpreter.Evaluate(*key);
  interpreter.At(line);
  return GetItem(interpreter.runtime(), value, index);
}

Value SliceOf::Evaluate(Interpreter& interpreter) const {
  const Value value = interpreter.Evaluate(*object);
  const auto bound = [&](const ExpressionPtr& expression) {
    return expression ? interpreter.Evaluate(*expression) : Value::None();
  };
  const Value from = bound(start);
  const Value to = bound(stop);
  const Value by = bound(step);
  interpreter.At(line);
  return GetSlice(interpreter.runtime(), value, from, to, by);
}

Value CallOf::Evaluate(Interpreter& interpreter) const {
  Runtime& runtime = interpreter.runtime();
  // A method is called without making an object of it first.
  if (const auto* attribute = dynamic_cast<const AttributeOf*>(callee.get())) {
    const Value owner = interpreter.Evaluate(*attribute->object);
    interpreter.At(line);
    if (const Method method = FindMethod(owner, attribute->name)) {
      const Arguments given = interpreter.Evaluate(arguments);
      interpreter.At(line);
      return runtime.Apply(method, owner, given);
    }
    const Value function = GetAttribute(runtime, owner, attribute->name);
    const Arguments given = interpreter.Evaluate(arguments);
    interpreter.At(line);
    return runtime.Call(function, given);
  }
  const Value function = interpreter.Evaluate(*callee);
  const Arguments given = interpreter.Evaluate(arguments);
  interpreter.At(line);
  return runtime.Call(function, given);
}

Value Filtered::Evaluate(Interpreter& interpreter) const {
  if (filter == nullptr) RefuseUnsupported("there is no filter \"" + name + "\"");
  const Value value = interpreter.Evaluate(*input);
  const Arguments given = interpreter.Evaluate(arguments);
  interpreter.At(line);
  return interpreter.runtime().Apply(filter, value, given);
}

Value Tested::Evaluate(Interpreter& interpreter) const {
  if (test == nullptr) RefuseUnsupported("there is no test \"" + name + "\"");
  const Value value = interpreter.Evaluate(*input);
  const Arguments given = interpreter.Evaluate(arguments);
  interpreter.At(line);
  return Value::Bool(test(interpreter.runtime(), value, given));
}

Value SequenceLiteral::Evaluate(Interpreter& interpreter) const {
  std::vector<Value> values;
  for (const ExpressionPtr& item : items) values.push_back(interpreter.Evaluate(*item));
  interpreter.At(line);
  return is_tuple ? interpreter.runtime().Tuple(std::move(values))
                  : interpreter.runtime().List(std::move(values));
}

Value DictLiteral::Evaluate(Interpreter& interpreter) const {
  std::vector<std::pair<Value, Value>> values;
  for (const auto& [key, value] : entries) {
    Value name = interpreter.Evaluate(*key);
    values.emplace_back(std::move(name), interpreter.Evaluate(*value));
  }
  interpreter.At(line);
  return interpreter.runtime().Dict(std::move(values));
}

Value CapturedText::Evaluate(Interpreter& interpreter) const { return interpreter.captured_text; }

}  // namespace mmoe::jinja
