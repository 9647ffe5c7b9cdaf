#pragma once

#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

// cycler('odd', 'even'): its next() gives one after the other, over and over.
Value MakeCycler(Runtime& runtime, const Arguments& arguments);
// joiner(', '): empty when it is called first, the separator ever after.
Value MakeJoiner(Runtime& runtime, const Arguments& arguments);

}  // namespace mmoe::jinja
