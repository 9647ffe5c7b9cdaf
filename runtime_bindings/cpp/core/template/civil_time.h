#pragma once

#include <string>
#include <string_view>

namespace mmoe::jinja {

// A moment as a calendar and a clock on the wall show it.
struct CivilTime {
  int year;
  int month;  // 1 to 12
  int day;    // 1 to 31
  int hour = 0;
  int minute = 0;
  int second = 0;

  static CivilTime Now();  // in the local time zone
  // "2026-07-04T12:30:00" or "2026-07-04". Throws CoreError(MMOE_INVALID_ARGUMENT).
  static CivilTime Parse(std::string_view text);
};

// Python's strftime of a moment without a zone, in English whatever the locale is. Throws for a directive
// that it does not have.
std::string FormatTime(const CivilTime& time, std::string_view format);

}  // namespace mmoe::jinja
