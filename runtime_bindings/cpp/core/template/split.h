#pragma once

#include <vector>

#include "core/template/text.h"

namespace mmoe::jinja {

// Python's str.strip and its two halves: without the characters of `characters` at the sides named, white
// space where it is nullptr.
Text Strip(const Text& text, const Text* characters, bool at_begin, bool at_end);

// Python's str.split and rsplit: at `separator`, at white space where it is nullptr; at most `most` times, -1
// for all. `separator` is not empty.
std::vector<Text> Split(const Text& text, const Text* separator, int64_t most);
std::vector<Text> SplitFromEnd(const Text& text, const Text* separator, int64_t most);
std::vector<Text> SplitLines(const Text& text, bool keep_ends);

}  // namespace mmoe::jinja
