#pragma once

#include <string>

#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

// Python's str(), which is what {{ }} writes.
Text Str(Runtime& runtime, const Value& value);
// Python's repr(), which is how values look inside lists and dicts.
Text Repr(Runtime& runtime, const Value& value);
// The shortest digits that read back as the same number, as Python writes it.
std::string FloatRepr(double value);

}  // namespace mmoe::jinja
