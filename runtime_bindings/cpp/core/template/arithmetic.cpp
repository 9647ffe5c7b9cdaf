#include "core/template/arithmetic.h"

#include <algorithm>
#include <cmath>

#include "core/template/format.h"
#include "core/template/show.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

namespace {

constexpr const char* kSymbols[] = {"+", "-", "*", "/", "//", "%", "**"};

[[noreturn]] void Overflow() { RefuseUnsupported("integers beyond 64 bits are not implemented"); }

int64_t Multiply(int64_t left, int64_t right) {
  int64_t product = 0;
  if (__builtin_mul_overflow(left, right, &product)) Overflow();
  return product;
}

int64_t FloorDivide(int64_t left, int64_t right) {
  if (left == INT64_MIN && right == -1) Overflow();
  const int64_t quotient = left / right;
  return left % right != 0 && (left % right < 0) != (right < 0) ? quotient - 1 : quotient;
}

int64_t Modulo(int64_t left, int64_t right) {
  if (right == -1) return 0;
  const int64_t rest = left % right;
  return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
}

Value IntegerPower(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) Raise("0 cannot be raised to a negative power");
    return Value::Float(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  if (base == 0 || base == 1) return Value::Integer(exponent == 0 ? 1 : base);
  if (base == -1) return Value::Integer(exponent % 2 == 0 ? 1 : -1);
  if (exponent > 63) Overflow();
  int64_t power = 1;
  for (int64_t step = 0; step < exponent; ++step) power = Multiply(power, base);
  return Value::Integer(power);
}

Value OnIntegers(Operator operation, int64_t left, int64_t right) {
  int64_t result = 0;
  switch (operation) {
    case Operator::kAdd:
      if (__builtin_add_overflow(left, right, &result)) Overflow();
      return Value::Integer(result);
    case Operator::kSubtract:
      if (__builtin_sub_overflow(left, right, &result)) Overflow();
      return Value::Integer(result);
    case Operator::kMultiply:
      return Value::Integer(Multiply(left, right));
    case Operator::kDivide:
      if (right == 0) Raise("division by zero");
      return Value::Float(static_cast<double>(left) / static_cast<double>(right));
    case Operator::kFloorDivide:
      if (right == 0) Raise("division by zero");
      return Value::Integer(FloorDivide(left, right));
    case Operator::kModulo:
      if (right == 0) Raise("division by zero");
      return Value::Integer(Modulo(left, right));
    case Operator::kPower:
      break;
  }
  return IntegerPower(left, right);
}

struct Division {
  double quotient;  // rounded down
  double rest;
};

Division DivideFloor(double left, double right) {
  if (right == 0) Raise("division by zero");
  double rest = std::fmod(left, right);
  double quotient = (left - rest) / right;
  if (rest != 0) {
    if ((right < 0) != (rest < 0)) {
      rest += right;
      quotient -= 1;
    }
  } else {
    rest = std::copysign(0.0, right);
  }
  if (quotient == 0) return {std::copysign(0.0, left / right), rest};
  const double floor = std::floor(quotient);
  return {quotient - floor > 0.5 ? floor + 1 : floor, rest};
}

double FloatPower(double base, double exponent) {
  if (base == 0 && exponent < 0) Raise("0 cannot be raised to a negative power");
  const double power = std::pow(base, exponent);
  if (std::isnan(power) && !std::isnan(base) && !std::isnan(exponent)) {
    RefuseUnsupported("complex numbers are not implemented");
  }
  if (std::isinf(power) && std::isfinite(base) && std::isfinite(exponent)) {
    Raise("the power is too large for a float");
  }
  return power;
}

Value OnFloats(Operator operation, double left, double right) {
  switch (operation) {
    case Operator::kAdd:
      return Value::Float(left + right);
    case Operator::kSubtract:
      return Value::Float(left - right);
    case Operator::kMultiply:
      return Value::Float(left * right);
    case Operator::kDivide:
      if (right == 0) Raise("division by zero");
      return Value::Float(left / right);
    case Operator::kFloorDivide:
      return Value::Float(DivideFloor(left, right).quotient);
    case Operator::kModulo:
      return Value::Float(DivideFloor(left, right).rest);
    case Operator::kPower:
      break;
  }
  return Value::Float(FloatPower(left, right));
}

Value JoinTexts(Runtime& runtime, const Text& left, const Text& right) {
  const bool markup = left.markup() || right.markup();
  Text joined = markup ? EscapeHtml(left) : left;
  runtime.budget().Bytes(left.size() + right.size());
  joined.Append(markup ? EscapeHtml(right) : right);
  joined.set_markup(markup);
  return Value::String(std::move(joined));
}

Value JoinSequences(Runtime& runtime, const Value& left, const Value& right) {
  std::vector<Value> items = left.sequence().items;
  items.insert(items.end(), right.sequence().items.begin(), right.sequence().items.end());
  return left.Is(Kind::kList) ? runtime.List(std::move(items)) : runtime.Tuple(std::move(items));
}

// `size` * `count`, or more than any budget has.
size_t Product(size_t size, int64_t count) {
  size_t product = 0;
  return __builtin_mul_overflow(size, static_cast<size_t>(count), &product) ? SIZE_MAX / 2 : product;
}

Value Repeat(Runtime& runtime, const Value& value, int64_t times) {
  const int64_t count = std::max<int64_t>(times, 0);
  if (value.IsString()) {
    runtime.budget().Bytes(Product(value.text().size(), count));
    Text text;
    text.set_markup(value.text().markup());
    if (!value.text().empty()) {
      for (int64_t at = 0; at < count; ++at) text.Append(value.text());
    }
    return Value::String(std::move(text));
  }
  const std::vector<Value>& once = value.sequence().items;
  runtime.budget().Step(static_cast<int64_t>(Product(once.size(), count)));
  std::vector<Value> items;
  if (!once.empty()) {
    for (int64_t at = 0; at < count; ++at) items.insert(items.end(), once.begin(), once.end());
  }
  return value.Is(Kind::kList) ? runtime.List(std::move(items)) : runtime.Tuple(std::move(items));
}

bool Repeatable(const Value& value) {
  return value.IsString() || value.Is(Kind::kList) || value.Is(Kind::kTuple);
}

}  // namespace

Value Calculate(Runtime& runtime, Operator operation, const Value& left, const Value& right) {
  if (operation == Operator::kModulo && left.IsString()) {
    return runtime.String(FormatPercent(runtime, left.text(), right));
  }
  for (const Value* side : {&left, &right}) {
    if (side->IsUndefined()) Raise(side->UndefinedName() + " is undefined");
  }
  if (left.IsInteger() && right.IsInteger()) return OnIntegers(operation, left.integer(), right.integer());
  if (left.IsNumber() && right.IsNumber()) return OnFloats(operation, left.number(), right.number());
  if (operation == Operator::kAdd && left.kind() == right.kind()) {
    if (left.IsString()) return JoinTexts(runtime, left.text(), right.text());
    if (left.Is(Kind::kList) || left.Is(Kind::kTuple)) return JoinSequences(runtime, left, right);
  }
  if (operation == Operator::kMultiply) {
    if (Repeatable(left) && right.IsInteger()) return Repeat(runtime, left, right.integer());
    if (Repeatable(right) && left.IsInteger()) return Repeat(runtime, right, left.integer());
  }
  Raise(std::string(kSymbols[static_cast<int>(operation)]) + " does not take " + Describe(left) + " and " +
        Describe(right));
}

Value Negate(const Value& value) {
  if (value.IsUndefined()) Raise(value.UndefinedName() + " is undefined");
  if (value.Is(Kind::kFloat)) return Value::Float(-value.number());
  if (!value.IsInteger()) Raise("- does not take " + Describe(value));
  if (value.integer() == INT64_MIN) Overflow();
  return Value::Integer(-value.integer());
}

Value Positive(const Value& value) {
  if (value.IsUndefined()) Raise(value.UndefinedName() + " is undefined");
  if (value.Is(Kind::kFloat)) return value;
  if (!value.IsInteger()) Raise("+ does not take " + Describe(value));
  return Value::Integer(value.integer());
}

Value Concatenate(Runtime& runtime, const std::vector<Value>& parts) {
  Text joined;
  for (const Value& part : parts) {
    const Text text = Str(runtime, part);
    runtime.budget().Bytes(text.size());
    joined.Append(text);
  }
  return Value::String(std::move(joined));
}

}  // namespace mmoe::jinja
