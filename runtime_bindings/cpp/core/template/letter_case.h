#pragma once

#include "core/template/text.h"

namespace mmoe::jinja {

// Python's str.upper, lower, capitalize, title and swapcase.
Text ToUpper(const Text& text);
Text ToLower(const Text& text);
Text Capitalize(const Text& text);
Text ToTitle(const Text& text);
Text SwapCase(const Text& text);

// Whether all cased characters are of one case, and there is one: str.isupper and str.islower.
bool IsAllUpper(const Text& text);
bool IsAllLower(const Text& text);

}  // namespace mmoe::jinja
