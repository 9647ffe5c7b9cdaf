#pragma once

#include "core/template/runtime.h"
#include "core/template/text.h"

namespace mmoe::jinja {

// Python's str.replace; `most`: -1 for all.
Text Replace(Runtime& runtime, const Text& text, const Text& old, const Text& replacement, int64_t most);

}  // namespace mmoe::jinja
