#pragma once

#include <string_view>

#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

using Test = bool (*)(Runtime& runtime, const Value& input, const Arguments& arguments);

// By its name behind `is` or in select(); nullptr when there is no such test.
Test FindTest(std::string_view name);

}  // namespace mmoe::jinja
