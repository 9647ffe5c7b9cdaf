#pragma once

#include <string>
#include <string_view>

#include "core/template/ast.h"

namespace mmoe::jinja {

// Throws TemplateError, which begins with `where`: MMOE_CORRUPT for a fault of syntax, MMOE_UNSUPPORTED for a
// statement, filter or test that this interpreter does not have.
Program Parse(std::string_view source, const std::string& where);

}  // namespace mmoe::jinja
