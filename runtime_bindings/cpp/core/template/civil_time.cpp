#include "core/template/civil_time.h"

#include <cstdio>
#include <ctime>

#include "core/template/template_error.h"

namespace mmoe::jinja {

namespace {

constexpr const char* kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                 "Thursday", "Friday", "Saturday"};
constexpr const char* kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                   "July",    "August",   "September", "October", "November", "December"};

bool IsLeap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int DaysIn(int year, int month) {
  constexpr int kDaysIn[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && IsLeap(year) ? 29 : kDaysIn[month - 1];
}

int DayOfYear(const CivilTime& time) {  // from 0
  int day = time.day - 1;
  for (int month = 1; month < time.month; ++month) day += DaysIn(time.year, month);
  return day;
}

int DayOfWeek(const CivilTime& time) {  // 0: Sunday
  const int before = time.year - 1;
  return (DayOfYear(time) + 1 + before + before / 4 - before / 100 + before / 400) % 7;
}

std::string Padded(int number, int width, char padding) {
  const std::string digits = std::to_string(number);
  if (padding == '-' || static_cast<int>(digits.size()) >= width) return digits;
  return std::string(width - digits.size(), padding) + digits;
}

struct IsoWeek {
  int year;
  int week;
};

int WeeksIn(int year) {
  const int first = DayOfWeek({year, 1, 1});
  return first == 4 || (first == 3 && IsLeap(year)) ? 53 : 52;
}

IsoWeek IsoWeekOf(const CivilTime& time) {
  const int weekday = (DayOfWeek(time) + 6) % 7;  // 0: Monday
  const int week = (DayOfYear(time) - weekday + 10) / 7;
  if (week < 1) return {time.year - 1, WeeksIn(time.year - 1)};
  if (week > WeeksIn(time.year)) return {time.year + 1, 1};
  return {time.year, week};
}

// `padding`: '\0' for the directive's own, else '-', '_' or '0' as glibc has them.
std::string Directive(const CivilTime& time, char directive, char padding) {
  const int weekday = DayOfWeek(time);
  const auto number = [&](int value, int width, char own = '0') {
    const char chosen = padding == '\0' ? own : (padding == '_' ? ' ' : padding);
    return Padded(value, width, chosen);
  };
  const int hour12 = time.hour % 12 == 0 ? 12 : time.hour % 12;
  switch (directive) {
    case 'a':
      return std::string(kDays[weekday], 3);
    case 'A':
      return kDays[weekday];
    case 'b':
    case 'h':
      return std::string(kMonths[time.month - 1], 3);
    case 'B':
      return kMonths[time.month - 1];
    case 'c':
      return FormatTime(time, "%a %b %e %H:%M:%S %Y");
    case 'C':
      return number(time.year / 100, 2);
    case 'd':
      return number(time.day, 2);
    case 'D':
    case 'x':
      return FormatTime(time, "%m/%d/%y");
    case 'e':
      return number(time.day, 2, ' ');
    case 'f':
      return "000000";
    case 'F':
      return FormatTime(time, "%Y-%m-%d");
    case 'G':
      return number(IsoWeekOf(time).year, 1);
    case 'g':
      return number(IsoWeekOf(time).year % 100, 2);
    case 'H':
      return number(time.hour, 2);
    case 'I':
      return number(hour12, 2);
    case 'j':
      return number(DayOfYear(time) + 1, 3);
    case 'k':
      return number(time.hour, 2, ' ');
    case 'l':
      return number(hour12, 2, ' ');
    case 'm':
      return number(time.month, 2);
    case 'M':
      return number(time.minute, 2);
    case 'n':
      return "\n";
    case 'p':
      return time.hour < 12 ? "AM" : "PM";
    case 'P':
      return time.hour < 12 ? "am" : "pm";
    case 'r':
      return FormatTime(time, "%I:%M:%S %p");
    case 'R':
      return FormatTime(time, "%H:%M");
    case 'S':
      return number(time.second, 2);
    case 't':
      return "\t";
    case 'T':
    case 'X':
      return FormatTime(time, "%H:%M:%S");
    case 'u':
      return number(weekday == 0 ? 7 : weekday, 1);
    case 'U':
      return number((DayOfYear(time) + 7 - weekday) / 7, 2);
    case 'V':
      return number(IsoWeekOf(time).week, 2);
    case 'w':
      return number(weekday, 1);
    case 'W':
      return number((DayOfYear(time) + 7 - (weekday + 6) % 7) / 7, 2);
    case 'y':
      return number(time.year % 100, 2);
    case 'Y':
      return number(time.year, 1);
    case 'z':
    case 'Z':
      return "";  // a moment without a zone
    case '%':
      return "%";
    default:
      RefuseUnsupported(std::string("strftime_now: the directive %") + directive + " is not implemented");
  }
}

}  // namespace

CivilTime CivilTime::Now() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
#if defined(_WIN32)
  localtime_s(&local, &now);
#else
  localtime_r(&now, &local);
#endif
  return {local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec};
}

CivilTime CivilTime::Parse(std::string_view text) {
  const std::string given(text);
  CivilTime time{};
  int read = 0;
  int end = 0;
  read = std::sscanf(given.c_str(), "%4d-%2d-%2d%n", &time.year, &time.month, &time.day, &end);
  bool good = read == 3;
  if (good && end != static_cast<int>(given.size())) {
    int rest = 0;
    read = std::sscanf(given.c_str() + end, "T%2d:%2d:%2d%n", &time.hour, &time.minute, &time.second, &rest);
    good = read == 3 && end + rest == static_cast<int>(given.size());
  }
  good = good && time.year >= 1 && time.month >= 1 && time.month <= 12 && time.day >= 1 &&
         time.day <= DaysIn(time.year, time.month) && time.hour >= 0 && time.hour < 24 && time.minute >= 0 &&
         time.minute < 60 && time.second >= 0 && time.second < 60;
  if (!good) Raise("\"" + given + "\" is no moment of the form 2026-07-04T12:30:00");
  return time;
}

std::string FormatTime(const CivilTime& time, std::string_view format) {
  std::string text;
  for (size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%' || at + 1 == format.size()) {
      text += format[at];
      continue;
    }
    char padding = '\0';
    ++at;
    if ((format[at] == '-' || format[at] == '_' || format[at] == '0') && at + 1 < format.size()) {
      padding = format[at++];
    }
    text += Directive(time, format[at], padding);
  }
  return text;
}

}  // namespace mmoe::jinja
