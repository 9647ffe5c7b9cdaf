#pragma once

#include <string>
#include <string_view>

namespace mmoe {

// Every character of valid UTF-8 in lower case, without regard to those around it.
std::string Lowercase(std::string_view text);

}  // namespace mmoe
