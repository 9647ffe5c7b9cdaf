#pragma once

#include "core/template/value.h"

namespace mmoe::jinja {

// Python's ==.
bool Equal(const Value& left, const Value& right);

enum class Order : int8_t { kLess, kEqual, kGreater, kUnordered };  // the last one: NaN

// Python's order of numbers, strings, lists and tuples. Throws for two values that it does not compare.
Order Compare(const Value& left, const Value& right);

// Python's `element in container`.
bool Contains(Runtime& runtime, const Value& container, const Value& element);

bool Truth(const Value& value);

}  // namespace mmoe::jinja
