// Floats from and as text with a point, in any process: C's functions read and write the decimal point of the locale
// that the app has chosen, and a comma there makes 0.6 end before its point. std::from_chars, which knows no locale,
// lacks floats in the C++ libraries of Android and Apple.
#pragma once

#include <clocale>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

namespace mmoe {

inline std::string DecimalPoint() {
  const char* const point = std::localeconv()->decimal_point;
  return point == nullptr || *point == '\0' ? "." : point;
}

// What strtod makes of all of the text in the C locale; none where it stops before the end.
inline std::optional<double> ParseFloat(std::string text) {
  if (text.empty() || text.find('\0') != std::string::npos) return std::nullopt;
  const std::string point = DecimalPoint();
  if (point != ".") {
    if (text.find(point) != std::string::npos) return std::nullopt;
    const size_t at = text.find('.');
    if (at != std::string::npos) text.replace(at, 1, point);
  }
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size() ? std::optional<double>(value) : std::nullopt;
}

// By a pattern of printf with one conversion of a float, whose precision is ".*".
inline std::string FormatFloat(const char* pattern, int precision, double value) {
  std::string text(static_cast<size_t>(std::snprintf(nullptr, 0, pattern, precision, value)), '\0');
  std::snprintf(text.data(), text.size() + 1, pattern, precision, value);
  const std::string point = DecimalPoint();
  const size_t at = text.find(point);
  if (at != std::string::npos) text.replace(at, point.size(), ".");
  return text;
}

}  // namespace mmoe
