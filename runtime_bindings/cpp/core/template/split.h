#pragma once

#include <vector>

#include "core/template/budget.h"
#include "core/template/text.h"

namespace mmoe::jinja {

// Python's str.strip and its two halves: without the characters of `characters` at the sides named, white
// space where it is nullptr.
Text Strip(const Text& text, const Text* characters, bool at_begin, bool at_end);

// Python's str.split and rsplit: at `separator`, at white space where it is nullptr; at most `most` times, -1
// for all. `separator` is not empty. Parts are paid for before they are made.
std::vector<Text> Split(Budget& budget, const Text& text, const Text* separator, int64_t most);
std::vector<Text> SplitFromEnd(Budget& budget, const Text& text, const Text* separator, int64_t most);
std::vector<Text> SplitLines(Budget& budget, const Text& text, bool keep_ends);

}  // namespace mmoe::jinja
