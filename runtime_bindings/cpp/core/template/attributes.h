#pragma once

#include <string>

#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

// value.name as Jinja has it: the attribute or method, else the item; undefined when there is neither.
Value GetAttribute(Runtime& runtime, const Value& value, const std::string& name);
// value[key]: the item, else the attribute or method.
Value GetItem(Runtime& runtime, const Value& value, const Value& key);
// value[start:stop:step]; none for a bound that is not given.
Value GetSlice(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
               const Value& step);

}  // namespace mmoe::jinja
