#include "core/template/compare.h"

#include <algorithm>
#include <cmath>

#include "core/template/runtime.h"
#include "core/template/template_error.h"

namespace mmoe::jinja {

namespace {

template <typename Number>
Order OrderOf(Number left, Number right) {
  if (left < right) return Order::kLess;
  if (left > right) return Order::kGreater;
  return left == right ? Order::kEqual : Order::kUnordered;
}

Order Reversed(Order order) {
  if (order == Order::kLess) return Order::kGreater;
  return order == Order::kGreater ? Order::kLess : order;
}

// Exact, as Python compares: 2**53 + 1 is not 2.0**53.
Order CompareIntegerWithFloat(int64_t integer, double number) {
  constexpr double kBound = 9223372036854775808.0;
  if (std::isnan(number)) return Order::kUnordered;
  if (number >= kBound) return Order::kLess;
  if (number < -kBound) return Order::kGreater;
  const double whole = std::trunc(number);
  const Order order = OrderOf(integer, static_cast<int64_t>(whole));
  return order == Order::kEqual ? OrderOf(whole, number) : order;
}

Order CompareNumbers(const Value& left, const Value& right) {
  if (left.IsInteger() && right.IsInteger()) return OrderOf(left.integer(), right.integer());
  if (left.IsInteger()) return CompareIntegerWithFloat(left.integer(), right.number());
  if (right.IsInteger()) return Reversed(CompareIntegerWithFloat(right.integer(), left.number()));
  return OrderOf(left.number(), right.number());
}

bool EqualDicts(const Dict& left, const Dict& right) {
  if (left.entries.size() != right.entries.size()) return false;
  return std::all_of(left.entries.begin(), left.entries.end(), [&](const auto& entry) {
    const Value* other = right.Find(entry.first);
    return other != nullptr && Equal(entry.second, *other);
  });
}

bool EqualRanges(const Range& left, const Range& right) {
  return left.size == right.size && (left.size == 0 || left.start == right.start) &&
         (left.size <= 1 || left.step == right.step);
}

}  // namespace

bool Equal(const Value& left, const Value& right) {
  if (left.IsNumber() && right.IsNumber()) return CompareNumbers(left, right) == Order::kEqual;
  if (left.kind() != right.kind()) return false;
  switch (left.kind()) {
    case Kind::kString:
      return left.text().bytes() == right.text().bytes();
    case Kind::kList:
    case Kind::kTuple: {
      const std::vector<Value>& a = left.sequence().items;
      const std::vector<Value>& b = right.sequence().items;
      return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), Equal);
    }
    case Kind::kDict:
      return EqualDicts(left.dict(), right.dict());
    case Kind::kRange:
      return EqualRanges(left.range(), right.range());
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    default:
      return left.identity() == right.identity();
  }
}

Order Compare(const Value& left, const Value& right) {
  if (left.IsNumber() && right.IsNumber()) return CompareNumbers(left, right);
  if (left.IsString() && right.IsString()) {
    return OrderOf(left.text().bytes().compare(right.text().bytes()), 0);
  }
  if (left.kind() == right.kind() && (left.Is(Kind::kList) || left.Is(Kind::kTuple))) {
    const std::vector<Value>& a = left.sequence().items;
    const std::vector<Value>& b = right.sequence().items;
    for (size_t at = 0; at < std::min(a.size(), b.size()); ++at) {
      if (!Equal(a[at], b[at])) return Compare(a[at], b[at]);
    }
    return OrderOf(a.size(), b.size());
  }
  for (const Value* side : {&left, &right}) {
    if (side->IsUndefined()) Raise(side->UndefinedName() + " is undefined");
  }
  Raise(Describe(left) + " cannot be compared with " + Describe(right));
}

bool Contains(Runtime& runtime, const Value& container, const Value& element) {
  switch (container.kind()) {
    case Kind::kString:
      if (!element.IsString()) Raise("a string holds strings only, not " + Describe(element));
      runtime.budget().Step(static_cast<int64_t>(container.text().size() / 16));
      return FindBytes(container.text().bytes(), element.text().bytes(), 0) != std::string::npos;
    case Kind::kDict:
      runtime.ChargeKey(container.dict(), element);
      return container.dict().Find(element) != nullptr;
    default: {
      const auto items = runtime.Iterate(container);
      return std::any_of(items->items.begin(), items->items.end(), [&](const Value& item) {
        runtime.ChargeComparison(item, element);
        return Equal(item, element) || (item.identity() != nullptr && item.identity() == element.identity());
      });
    }
  }
}

bool Truth(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInteger:
      return value.integer() != 0;
    case Kind::kFloat:
      return value.number() != 0;
    case Kind::kString:
      return !value.text().empty();
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kView:
      return !value.sequence().items.empty();
    case Kind::kDict:
      return !value.dict().entries.empty();
    case Kind::kRange:
      return value.range().size != 0;
    default:
      return true;
  }
}

}  // namespace mmoe::jinja
