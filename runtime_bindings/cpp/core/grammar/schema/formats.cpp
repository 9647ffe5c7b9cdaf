#include "core/grammar/schema/formats.h"

#include <utility>
#include <vector>

namespace mmoe::grammar {

namespace {

// RFC 3339. The 29th of February is there in the years that have it, a leap second nowhere: it depends on the day and the
// offset.
const std::string kLeapYear = "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const std::string kDate =
    "(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|"
    "02-(?:0[1-9]|1\\d|2[0-8]))|" +
    kLeapYear + "-02-29)";
const std::string kTime =
    "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,20})?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)";
// RFC 3339, appendix A.
const std::string kDuration =
    "P(?:(?:\\d{1,9}D|\\d{1,9}M(?:\\d{1,9}D)?|\\d{1,9}Y(?:\\d{1,9}M(?:\\d{1,9}D)?)?)(?:T(?:\\d{1,9}H(?:\\d{1,"
    "9}M(?:\\d{1,9}S)"
    "?)?|\\d{1,9}M(?:\\d{1,9}S)?|\\d{1,9}S))?|T(?:\\d{1,9}H(?:\\d{1,9}M(?:\\d{1,9}S)?)?|\\d{1,9}M(?:\\d{1,9}"
    "S)?|\\d{1,9}S)|"
    "\\d{1,9}W)";
// RFC 5321 without quoted names and addresses in brackets.
const std::string kAtom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const std::string kLabel = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const std::string kEmail = kAtom + "(?:\\." + kAtom + ")*@" + kLabel + "(?:\\." + kLabel + ")*";
const std::string kByte = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]\\d|\\d)";
const std::string kIpv4 = kByte + "(?:\\." + kByte + "){3}";
const std::string kUuid = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}";

// RFC 4291: eight groups, of which :: may stand for one or more, and the last two may be an IPv4 address.
std::string Ipv6() {
  const std::string group = "[0-9A-Fa-f]{1,4}";
  const std::string last = "(?:" + group + ":" + group + "|" + kIpv4 + ")";
  const auto times = [](const std::string& what, int least, int most) {
    return "(?:" + what + "){" + std::to_string(least) + "," + std::to_string(most) + "}";
  };
  std::string ways = times(group + ":", 6, 6) + last;
  for (int before = 0; before <= 7; ++before) {
    const std::string front = before == 0 ? "::" : group + times(":" + group, before - 1, before - 1) + "::";
    const int most = 7 - before;  // groups behind
    ways += "|" + front;
    if (most >= 1) ways += "(?:" + group + ")?";
    for (int behind = 2; behind <= most; ++behind)
      ways += "|" + front + times(group + ":", behind - 2, behind - 2) + last;
  }
  return "(?:" + ways + ")";
}

// RFC 3986.
std::string Uri() {
  const std::string code = "%[0-9A-Fa-f]{2}";
  const auto of = [&](const std::string& more) {
    return "(?:[A-Za-z0-9._~!$&'()*+,;=" + more + "-]|" + code + ")";
  };
  const std::string segment = of(":@");
  const std::string authority =
      "//(?:" + of(":") + "*@)?(?:" + of("") + "*|\\[" + Ipv6() + "\\])(?::\\d{0,5})?(?:/" + segment + "*)*";
  const std::string absolute = "/(?:" + segment + "+(?:/" + segment + "*)*)?";
  const std::string rootless = segment + "+(?:/" + segment + "*)*";
  const std::string rest = of(":@/?") + "*";
  return "[A-Za-z][A-Za-z0-9+.-]*:(?:" + authority + "|" + absolute + "|" + rootless + ")?(?:\\?" + rest +
         ")?(?:#" + rest + ")?";
}

const std::vector<std::pair<std::string, std::string>>& Formats() {
  static const auto* formats = new std::vector<std::pair<std::string, std::string>>{
      {"date", kDate},         {"time", kTime},   {"date-time", kDate + "[Tt]" + kTime},
      {"duration", kDuration}, {"email", kEmail}, {"ipv4", kIpv4},
      {"ipv6", Ipv6()},        {"uri", Uri()},    {"uuid", kUuid}};
  return *formats;
}

}  // namespace

std::string PatternOfFormat(std::string_view format) {
  for (const auto& [name, pattern] : Formats()) {
    if (name == format) return "^(?:" + pattern + ")$";
  }
  return {};
}

std::string KnownFormats() {
  std::string names;
  for (const auto& [name, pattern] : Formats()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

}  // namespace mmoe::grammar
