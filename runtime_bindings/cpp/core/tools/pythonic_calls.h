#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/tools/tool_calls.h"

namespace mmoe {

// The calls of a Python list such as [f(a=1, b=['x', None]), g()], whose arguments all have a name and are literals. None
// for anything else.
std::optional<std::vector<ToolCall>> ParsePythonicCalls(std::string_view text);

}  // namespace mmoe
