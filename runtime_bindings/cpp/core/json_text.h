#pragma once

#include <string>
#include <string_view>

#include "core/json.h"

namespace mmoe {

// `text`, which is UTF-8, as a JSON string.
std::string JsonString(std::string_view text);

// A value as it can be parsed again. Members keep their order, numbers the way they were written.
std::string JsonText(const Json& value);

}  // namespace mmoe
