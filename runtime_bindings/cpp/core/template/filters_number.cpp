#include <cctype>
#include <cmath>
#include <optional>
#include <string>

#include "core/template/arithmetic.h"
#include "core/template/filter_functions.h"
#include "core/template/parameters.h"
#include "core/template/split.h"
#include "core/template/template_error.h"
#include "core/text/float_text.h"

namespace mmoe::jinja::filter {

namespace {

constexpr double kInt64Bound = 9223372036854775808.0;
constexpr int64_t kMaxPrecision = 300;

// Without white space around and single underscores between digits; none when that leaves no such number.
std::optional<std::string> Plain(const Text& text) {
  const std::string stripped = Strip(text, nullptr, true, true).bytes();
  std::string plain;
  for (size_t at = 0; at < stripped.size(); ++at) {
    if (stripped[at] != '_') {
      plain += stripped[at];
      continue;
    }
    const bool between = at > 0 && at + 1 < stripped.size() &&
                         std::isalnum(static_cast<unsigned char>(stripped[at - 1])) &&
                         std::isalnum(static_cast<unsigned char>(stripped[at + 1]));
    if (!between) return std::nullopt;
  }
  return plain;
}

int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'z' ? lower - 'a' + 10 : 99;
}

// Python's int(text, base).
std::optional<int64_t> ParseInteger(const Text& text, int64_t base) {
  const std::optional<std::string> plain = Plain(text);
  if (!plain) return std::nullopt;
  size_t at = 0;
  const bool negative = !plain->empty() && (*plain)[0] == '-';
  if (negative || (!plain->empty() && (*plain)[0] == '+')) ++at;
  if (at + 1 < plain->size() && (*plain)[at] == '0') {
    const char mark = static_cast<char>((*plain)[at + 1] | 0x20);
    const int64_t marked = mark == 'x' ? 16 : (mark == 'o' ? 8 : (mark == 'b' ? 2 : 0));
    if (marked != 0 && (base == marked || base == 0)) {
      base = marked;
      at += 2;
    }
  }
  if (base == 0) base = 10;
  if (at == plain->size()) return std::nullopt;
  int64_t value = 0;
  for (; at < plain->size(); ++at) {
    const int digit = DigitValue((*plain)[at]);
    if (digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(value, base, &value) || __builtin_sub_overflow(value, digit, &value)) {
      RefuseUnsupported("integers beyond 64 bits are not implemented");
    }
  }
  if (!negative && value == INT64_MIN) RefuseUnsupported("integers beyond 64 bits are not implemented");
  return negative ? value : -value;
}

// Python's float(text).
std::optional<double> FloatOf(const Text& text) {
  const std::optional<std::string> plain = Plain(text);
  if (!plain) return std::nullopt;
  if (plain->find_first_of("xXpP(") != std::string::npos)
    return std::nullopt;  // strtod takes more than Python
  return ParseFloat(*plain);
}

Value Truncated(double value) {
  if (std::isinf(value)) Raise("an infinite float is no integer");
  if (std::fabs(value) >= kInt64Bound) RefuseUnsupported("integers beyond 64 bits are not implemented");
  return Value::Integer(static_cast<int64_t>(value));
}

// Rounded half to even, in decimal digits, as Python rounds.
double RoundToDigits(double value, int64_t precision) {
  if (!std::isfinite(value)) return value;
  if (precision >= 0) {
    return ParseFloat(FormatFloat("%.*f", static_cast<int>(precision), value)).value();
  }
  const double unit = std::pow(10.0, static_cast<double>(-precision));
  return std::nearbyint(value / unit) * unit;
}

}  // namespace

Value Abs(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters given("abs", arguments, {});
  if (input.Is(Kind::kFloat)) return Value::Float(std::fabs(input.number()));
  if (!input.IsInteger()) Raise("abs does not take " + Describe(input));
  return input.integer() < 0 ? Negate(input) : Value::Integer(input.integer());
}

Value Float(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters given("float", arguments, {"default"});
  if (input.IsUndefined()) Raise(input.UndefinedName() + " is undefined");
  if (input.IsNumber()) return Value::Float(input.number());
  const std::optional<double> parsed = input.IsString() ? FloatOf(input.text()) : std::nullopt;
  if (parsed) return Value::Float(*parsed);
  return given.Has(0) ? given[0] : Value::Float(0);
}

Value Int(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters given("int", arguments, {"default", "base"});
  if (input.IsUndefined()) Raise(input.UndefinedName() + " is undefined");
  const Value missing = given.Has(0) ? given[0] : Value::Integer(0);
  if (input.IsInteger()) return Value::Integer(input.integer());
  if (input.Is(Kind::kFloat)) return std::isnan(input.number()) ? missing : Truncated(input.number());
  if (!input.IsString()) return missing;
  const int64_t base = given.Integer(1, 10);
  const bool known = base == 0 || (base >= 2 && base <= 36);
  if (const std::optional<int64_t> whole = known ? ParseInteger(input.text(), base) : std::nullopt) {
    return Value::Integer(*whole);
  }
  const std::optional<double> number = FloatOf(input.text());
  return number && std::isfinite(*number) ? Truncated(*number) : missing;
}

Value Round(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters given("round", arguments, {"precision", "method"});
  const int64_t precision = given.Integer(0, 0);
  const Text* method = given.String(1);
  const std::string how = method != nullptr ? method->bytes() : "common";
  if (how != "common" && how != "ceil" && how != "floor") Raise("round: the method is common, ceil or floor");
  if (!input.IsNumber()) Raise("round does not take " + Describe(input));
  if (precision < -kMaxPrecision || precision > kMaxPrecision) {
    RefuseUnsupported("round to more than " + std::to_string(kMaxPrecision) + " digits is not implemented");
  }
  if (how == "common") {
    if (input.Is(Kind::kFloat)) return Value::Float(RoundToDigits(input.number(), precision));
    if (precision >= 0) return Value::Integer(input.integer());
    RefuseUnsupported("integers rounded to tens are not implemented");
  }
  const double unit = std::pow(10.0, static_cast<double>(precision));
  const double scaled = input.number() * unit;
  return Value::Float((how == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit);
}

}  // namespace mmoe::jinja::filter
