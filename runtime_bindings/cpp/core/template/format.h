#pragma once

#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

// Python's `format % values`: %s, %r, %d, %i, %f, %e, %g, %x, %X, %o, %c and %%, with flags, width and
// precision.
Text FormatPercent(Runtime& runtime, const Text& format, const Value& values);
// Python's format.format(...): {}, {0}, {name.attribute[item]}, !r, !s, and format specifications of strings
// and numbers.
Text FormatBraces(Runtime& runtime, const Text& format, const Arguments& arguments);

}  // namespace mmoe::jinja
