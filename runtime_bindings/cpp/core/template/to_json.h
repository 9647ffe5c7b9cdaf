#pragma once

#include "core/template/runtime.h"
#include "core/template/value.h"

namespace mmoe::jinja {

// The filter `tojson` as Hugging Face has it: Python's json.dumps(value, ensure_ascii=False, indent=None,
// separators=None, sort_keys=False).
Value ToJson(Runtime& runtime, const Value& input, const Arguments& arguments);

}  // namespace mmoe::jinja
