#pragma once

#include <string>
#include <string_view>

namespace mmoe::grammar {

// The strings of a JSON schema's `format` as a pattern for ParsePattern; empty if there is none here.
std::string PatternOfFormat(std::string_view format);
// "date, time, ...", for messages.
std::string KnownFormats();

}  // namespace mmoe::grammar
