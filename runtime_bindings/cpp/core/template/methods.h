#pragma once

#include <string_view>

#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

using Method = Value (*)(Runtime& runtime, const Value& self, const Arguments& arguments);

// A method of a value's type by its name; nullptr when the type has none of that name.
Method FindMethod(const Value& value, std::string_view name);
Method FindStringMethod(std::string_view name);
Method FindContainerMethod(Kind kind, std::string_view name);

// Methods that Python has and the sandbox denies, because they change their value: list.append, dict.update.
bool IsDenied(Kind kind, std::string_view name);

}  // namespace mmoe::jinja
