#pragma once

#include <optional>
#include <string_view>

#include "core/template/value.h"

namespace mmoe::jinja {

// The functions that every template has: range, dict, namespace, raise_exception, strftime_now, ...
std::optional<Value> FindGlobal(std::string_view name);

}  // namespace mmoe::jinja
