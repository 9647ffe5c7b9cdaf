// What can stand behind `is`.

#include "core/template/tests.h"

#include <algorithm>
#include <iterator>

#include "core/template/arithmetic.h"
#include "core/template/compare.h"
#include "core/template/letter_case.h"
#include "core/template/parameters.h"
#include "core/template/show.h"

namespace mmoe::jinja {

namespace {

void RefuseArguments(const Arguments& arguments) { const Parameters given("the test", arguments, {}); }

template <bool (*kHolds)(const Value&)>
bool Simple(Runtime&, const Value& input, const Arguments& arguments) {
  RefuseArguments(arguments);
  return kHolds(input);
}

bool IsDefined(const Value& value) { return !value.IsUndefined(); }
bool IsUndefined(const Value& value) { return value.IsUndefined(); }
bool IsNone(const Value& value) { return value.IsNone(); }
bool IsBoolean(const Value& value) { return value.Is(Kind::kBool); }
bool IsTrue(const Value& value) { return value.Is(Kind::kBool) && value.bool_value(); }
bool IsFalse(const Value& value) { return value.Is(Kind::kBool) && !value.bool_value(); }
bool IsIntegerTest(const Value& value) { return value.Is(Kind::kInteger); }
bool IsFloat(const Value& value) { return value.Is(Kind::kFloat); }
bool IsNumberTest(const Value& value) { return value.IsNumber(); }
bool IsStringTest(const Value& value) { return value.IsString(); }
bool IsMapping(const Value& value) { return value.Is(Kind::kDict); }
bool IsCallable(const Value& value) {
  return value.IsUndefined() || (value.Is(Kind::kObject) && value.object().Callable());
}
// Undefined values can be gone through and are empty, so Jinja counts them in.
bool IsIterable(const Value& value) {
  return value.IsUndefined() || value.IsString() || value.IsSequence() || value.Is(Kind::kDict) ||
         value.Is(Kind::kIterator) || value.Is(Kind::kRange);
}
bool IsSequenceTest(const Value& value) {
  return value.IsUndefined() || value.IsString() || value.Is(Kind::kList) || value.Is(Kind::kTuple) ||
         value.Is(Kind::kDict) || value.Is(Kind::kRange);
}
bool IsEscaped(const Value& value) { return value.IsString() && value.text().markup(); }

template <bool (*kHolds)(const Text&)>
bool OfCase(Runtime& runtime, const Value& input, const Arguments& arguments) {
  RefuseArguments(arguments);
  return kHolds(Str(runtime, input));
}

int64_t Rest(Runtime& runtime, const Value& value, const Value& divisor) {
  const Value rest = Calculate(runtime, Operator::kModulo, value, divisor);
  return Equal(rest, Value::Integer(0)) ? 0 : (Equal(rest, Value::Integer(1)) ? 1 : 2);
}

bool IsEven(Runtime& runtime, const Value& input, const Arguments& arguments) {
  RefuseArguments(arguments);
  return Rest(runtime, input, Value::Integer(2)) == 0;
}

bool IsOdd(Runtime& runtime, const Value& input, const Arguments& arguments) {
  RefuseArguments(arguments);
  return Rest(runtime, input, Value::Integer(2)) == 1;
}

bool IsDivisible(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("divisibleby", arguments, {"num"}, 1);
  return Rest(runtime, input, given[0]) == 0;
}

bool IsIn(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("in", arguments, {"seq"}, 1);
  return Contains(runtime, given[0], input);
}

template <bool kWanted>
bool IsEqual(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("equalto", arguments, {"other"}, 1);
  runtime.ChargeComparison(input, given[0]);
  return Equal(input, given[0]) == kWanted;
}

// Of the two orders named.
template <Order kOne, Order kOther>
bool IsOrdered(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("the comparison", arguments, {"other"}, 1);
  runtime.ChargeComparison(input, given[0]);
  const Order order = Compare(input, given[0]);
  return order == kOne || order == kOther;
}

// Python's `is`: constants and small numbers are one object each.
bool IsSame(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters given("sameas", arguments, {"other"}, 1);
  if (input.kind() != given[0].kind()) return false;
  return input.identity() == nullptr ? Equal(input, given[0]) : input.identity() == given[0].identity();
}

struct NamedTest {
  std::string_view name;
  Test test;
};

constexpr Test kLess = IsOrdered<Order::kLess, Order::kLess>;
constexpr Test kLessEqual = IsOrdered<Order::kLess, Order::kEqual>;
constexpr Test kGreater = IsOrdered<Order::kGreater, Order::kGreater>;
constexpr Test kGreaterEqual = IsOrdered<Order::kGreater, Order::kEqual>;

// In alphabetical order.
constexpr NamedTest kTests[] = {
    {"!=", IsEqual<false>},
    {"<", kLess},
    {"<=", kLessEqual},
    {"==", IsEqual<true>},
    {">", kGreater},
    {">=", kGreaterEqual},
    {"boolean", Simple<IsBoolean>},
    {"callable", Simple<IsCallable>},
    {"defined", Simple<IsDefined>},
    {"divisibleby", IsDivisible},
    {"eq", IsEqual<true>},
    {"equalto", IsEqual<true>},
    {"escaped", Simple<IsEscaped>},
    {"even", IsEven},
    {"false", Simple<IsFalse>},
    {"float", Simple<IsFloat>},
    {"ge", kGreaterEqual},
    {"greaterthan", kGreater},
    {"gt", kGreater},
    {"in", IsIn},
    {"integer", Simple<IsIntegerTest>},
    {"iterable", Simple<IsIterable>},
    {"le", kLessEqual},
    {"lessthan", kLess},
    {"lower", OfCase<IsAllLower>},
    {"lt", kLess},
    {"mapping", Simple<IsMapping>},
    {"ne", IsEqual<false>},
    {"none", Simple<IsNone>},
    {"number", Simple<IsNumberTest>},
    {"odd", IsOdd},
    {"sameas", IsSame},
    {"sequence", Simple<IsSequenceTest>},
    {"string", Simple<IsStringTest>},
    {"true", Simple<IsTrue>},
    {"undefined", Simple<IsUndefined>},
    {"upper", OfCase<IsAllUpper>},
};

}  // namespace

Test FindTest(std::string_view name) {
  const auto* found =
      std::lower_bound(std::begin(kTests), std::end(kTests), name,
                       [](const NamedTest& known, std::string_view wanted) { return known.name < wanted; });
  return found != std::end(kTests) && found->name == name ? found->test : nullptr;
}

}  // namespace mmoe::jinja
