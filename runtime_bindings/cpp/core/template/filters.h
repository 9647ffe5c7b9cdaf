#pragma once

#include <string_view>

#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

using Filter = Value (*)(Runtime& runtime, const Value& input, const Arguments& arguments);

// By its name in templates; nullptr when there is no such filter.
Filter FindFilter(std::string_view name);

}  // namespace mmoe::jinja
