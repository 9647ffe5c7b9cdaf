#pragma once

#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

enum class Operator : uint8_t { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };

// Python's binary operators. Integers beyond 64 bits are refused.
Value Calculate(Runtime& runtime, Operator operation, const Value& left, const Value& right);
Value Negate(const Value& value);
Value Positive(const Value& value);
// Jinja's ~: the texts of the parts, none of which is escaped.
Value Concatenate(Runtime& runtime, const std::vector<Value>& parts);

}  // namespace mmoe::jinja
