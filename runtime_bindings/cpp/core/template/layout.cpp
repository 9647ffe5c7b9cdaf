#include "core/template/layout.h"

#include <algorithm>
#include <cmath>

#include "core/template/show.h"
#include "core/template/template_error.h"
#include "core/text/float_text.h"

namespace mmoe::jinja {

namespace {

Text Pad(Runtime& runtime, const Text& body, size_t sign_bytes, const Layout& layout) {
  const int64_t missing = layout.width - static_cast<int64_t>(CountCharacters(body.bytes()));
  if (missing <= 0) return body;
  runtime.budget().Bytes(static_cast<size_t>(missing) * layout.fill.size());
  const auto filling = [&](int64_t count) {
    std::string text;
    for (int64_t at = 0; at < count; ++at) text += layout.fill;
    return Text(text);
  };
  switch (layout.align) {
    case '<':
      return body.Joined(filling(missing));
    case '^':
      return filling(missing / 2).Joined(body).Joined(filling(missing - missing / 2));
    case '=':
      return body.Part(0, sign_bytes).Joined(filling(missing)).Joined(body.Part(sign_bytes, body.size()));
    default:
      return filling(missing).Joined(body);
  }
}

std::string Group(const std::string& digits, char separator) {
  const size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  std::string grouped;
  for (size_t at = 0; at < whole; ++at) {
    if (at > 0 && (whole - at) % 3 == 0) grouped += separator;
    grouped += digits[at];
  }
  return grouped + digits.substr(whole);
}

std::string DigitsInBase(uint64_t value, unsigned base, bool capital) {
  const char* const digits = capital ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), digits[value % base]);
    value /= base;
  } while (value != 0);
  return text;
}

// The digits of a number, without its sign.
std::string FloatDigits(double value, char type, int64_t precision, bool alternate) {
  if (std::isnan(value)) return type >= 'A' && type <= 'Z' ? "NAN" : "nan";
  if (std::isinf(value)) return type >= 'A' && type <= 'Z' ? "INF" : "inf";
  const std::string pattern = std::string(alternate ? "%#" : "%") + ".*" + type;
  const int digits = static_cast<int>(precision < 0 ? 6 : precision);
  return FormatFloat(pattern.c_str(), digits, value);
}

Text LayOutNumber(Runtime& runtime, bool negative, const std::string& prefix, const std::string& digits,
                  const Layout& layout) {
  std::string sign = negative ? "-" : (layout.sign == '-' ? "" : std::string(1, layout.sign));
  sign += prefix;
  const std::string body = sign + (layout.grouping != '\0' ? Group(digits, layout.grouping) : digits);
  Layout padded = layout;
  if (padded.align == '\0') padded.align = '>';
  return Pad(runtime, Text(body), sign.size(), padded);
}

uint64_t Magnitude(int64_t value) {
  return value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

}  // namespace

Text LayOutInteger(Runtime& runtime, int64_t value, const Layout& layout) {
  unsigned base = 10;
  std::string prefix;
  switch (layout.type) {
    case 'x':
    case 'X':
      base = 16;
      if (layout.alternate) prefix = layout.type == 'x' ? "0x" : "0X";
      break;
    case 'o':
      base = 8;
      if (layout.alternate) prefix = "0o";
      break;
    case 'b':
      base = 2;
      if (layout.alternate) prefix = "0b";
      break;
    default:
      break;
  }
  std::string digits = DigitsInBase(Magnitude(value), base, layout.type == 'X');
  if (layout.precision > static_cast<int64_t>(digits.size())) {
    digits.insert(0, static_cast<size_t>(layout.precision) - digits.size(), '0');
  }
  return LayOutNumber(runtime, value < 0, prefix, digits, layout);
}

Text LayOutFloat(Runtime& runtime, double value, const Layout& layout) {
  std::string suffix;
  char type = layout.type;
  double shown = std::fabs(value);
  if (type == '%') {
    shown *= 100;
    type = 'f';
    suffix = "%";
  }
  const std::string digits =
      type == '\0' ? FloatRepr(shown) : FloatDigits(shown, type, layout.precision, layout.alternate);
  return LayOutNumber(runtime, std::signbit(value) && !std::isnan(value), "", digits + suffix, layout);
}

Text LayOutText(Runtime& runtime, const Text& text, const Layout& layout) {
  Text shown = text;
  if (layout.precision >= 0) {
    const std::vector<size_t> offsets = CharacterOffsets(text.bytes());
    shown =
        text.Part(0, offsets[std::min<size_t>(static_cast<size_t>(layout.precision), offsets.size() - 1)]);
  }
  Layout padded = layout;
  if (padded.align == '\0') padded.align = '<';
  return Pad(runtime, shown, 0, padded);
}

int64_t ReadNumber(const std::string& text, size_t* at, int64_t missing, int64_t most) {
  int64_t value = missing;
  while (*at < text.size() && text[*at] >= '0' && text[*at] <= '9') {
    value = std::max<int64_t>(value, 0) * 10 + (text[(*at)++] - '0');
    if (value > most) {
      throw CoreError(MMOE_OUT_OF_RESOURCES,
                      "a format asks for more than " + std::to_string(most) + " digits");
    }
  }
  return value;
}

}  // namespace mmoe::jinja
