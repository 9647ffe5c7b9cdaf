#pragma once

#include <cstdint>
#include <string>

namespace mmoe::jinja {

// Properties of characters as Python 3.11 knows them (Unicode 14.0).

bool IsPythonSpace(uint32_t character);  // of str.isspace and str.strip
bool IsPrintable(uint32_t character);    // of str.isprintable and repr
bool IsUpper(uint32_t character);
bool IsLower(uint32_t character);
bool IsTitle(uint32_t character);
inline bool IsCased(uint32_t character) {
  return IsUpper(character) || IsLower(character) || IsTitle(character);
}

// One character may become up to three, in UTF-8.
std::string Upper(uint32_t character);
std::string Lower(uint32_t character);
std::string TitleCase(uint32_t character);

// A final sigma is written otherwise than one inside a word; Lower() gives the latter.
constexpr uint32_t kCapitalSigma = 0x3A3;
bool IsCaseIgnorable(uint32_t character);

}  // namespace mmoe::jinja
