#pragma once

#include <string>
#include <string_view>

namespace mmoe {

// Strangers' text made safe for a terminal, as UTF-8: what would move its cursor or reorder a line (control characters,
// marks of direction, separators of lines) becomes an escape such as \x1b or \u202e. With `keeps_lines`, newlines and
// tabs stay; without, the text is one line.
std::string Visible(std::string_view text, bool keeps_lines);

}  // namespace mmoe
