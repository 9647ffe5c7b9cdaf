#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/grammar/grammar.h"
#include "core/grammar/schema/json_text.h"

namespace mmoe::grammar {

// A number of JSON as it is written, exactly: whole.fraction, without zeros in front or behind.
struct Decimal {
  bool negative = false;
  std::string whole;  // "0" at least
  std::string fraction;

  // None if it has more than a few hundred digits.
  static std::optional<Decimal> Parse(std::string_view text);
  // Negative, 0 or positive, as this one is less than, equal to or more than the other.
  int Compare(const Decimal& other) const;
};

struct Bound {
  Decimal value;
  bool inclusive = true;
};

// The numbers from one bound to the other, without exponents. A zero has a sign only where negative numbers are allowed.
Expression NumbersWithin(const std::optional<Bound>& least, const std::optional<Bound>& most, bool integer,
                         Grammar* grammar, JsonText* text);

}  // namespace mmoe::grammar
