#include "core/grammar/schema/number_range.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

namespace mmoe::grammar {

namespace {

int CompareMagnitudes(const Decimal& a, const Decimal& b) {
  if (a.whole.size() != b.whole.size()) return a.whole.size() < b.whole.size() ? -1 : 1;
  const int whole = a.whole.compare(b.whole);
  return whole != 0 ? whole : a.fraction.compare(b.fraction);
}

// Numbers without a sign, digit by digit. While all digits so far are those of a bound, the next one may not pass its own.
class Magnitudes {
 public:
  Magnitudes(Bound least, std::optional<Bound> most, bool integer, Grammar* grammar, JsonText* text)
      : least_(std::move(least)),
        most_(std::move(most)),
        integer_(integer),
        grammar_(*grammar),
        text_(*text) {}

  Expression Build() {
    const size_t shortest = least_.value.whole.size();
    const size_t longest = most_ ? most_->value.whole.size() : JsonText::kMaxDigits;
    std::vector<Expression> lengths;
    for (size_t length = shortest; length <= longest; ++length) {
      const bool at_least = length == shortest;
      const bool at_most = most_ && length == longest;
      if (!at_least && !at_most) {
        const size_t last = most_ ? longest - 1 : longest;
        lengths.push_back(grammar_.Sequence(
            {text_.Digit('1'),
             text_.Digits(static_cast<uint32_t>(length) - 1, static_cast<uint32_t>(last) - 1),
             AnyFraction()}));
        length = last;
        continue;
      }
      lengths.push_back(Whole(0, length, at_least, at_most));
    }
    return grammar_.Alternatives(std::move(lengths));
  }

 private:
  Expression AnyFraction() {
    if (integer_) return grammar_.Empty();
    return grammar_.Optional(
        grammar_.Sequence({grammar_.Literal("."), text_.Digits(1, JsonText::kMaxDigits)}));
  }

  // The digits of a whole part of `length` from `at` on, and what follows them. `at_least`: all so far are those of the
  // least number; `at_most`: those of the largest.
  Expression Whole(size_t at, size_t length, bool at_least, bool at_most) {
    if (at == length) return Fraction(at_least, at_most);
    if (!at_least && !at_most) {
      const auto rest = static_cast<uint32_t>(length - at);
      return grammar_.Sequence({text_.Digits(rest, rest), AnyFraction()});
    }
    const char lowest = at_least ? least_.value.whole[at] : (at == 0 && length > 1 ? '1' : '0');
    const char highest = at_most ? most_->value.whole[at] : '9';
    return Branch(lowest, highest, at_least, at_most,
                  [&](bool low, bool high) { return Whole(at + 1, length, low, high); });
  }

  template <typename Rest>
  Expression Branch(char lowest, char highest, bool at_least, bool at_most, const Rest& rest) {
    std::vector<Expression> ways;
    const auto way = [&](char first, char last, bool low, bool high) {
      if (first <= last) ways.push_back(grammar_.Sequence({text_.Digit(first, last), rest(low, high)}));
    };
    if (at_least && at_most && lowest == highest) {
      way(lowest, highest, true, true);
    } else if (lowest <= highest) {
      if (at_least) way(lowest, lowest, true, false);
      if (at_most) way(highest, highest, false, true);
      way(static_cast<char>(lowest + at_least), static_cast<char>(highest - at_most), false, false);
    }
    return grammar_.Alternatives(std::move(ways));
  }

  // Whether a number may end whose first `digits` of the fraction are there.
  bool MayEnd(size_t digits, bool at_least, bool at_most) const {
    if (at_least && (digits < least_.value.fraction.size() || !least_.inclusive)) return false;
    return !at_most || digits < most_->value.fraction.size() || most_->inclusive;
  }

  Expression Fraction(bool at_least, bool at_most) {
    std::vector<Expression> ways;
    if (MayEnd(0, at_least, at_most)) ways.push_back(grammar_.Empty());
    if (!integer_) {
      ways.push_back(grammar_.Sequence({grammar_.Literal("."), FractionFrom(0, at_least, at_most)}));
    }
    return grammar_.Alternatives(std::move(ways));
  }

  // At least one digit of the fraction, from `at` on.
  Expression FractionFrom(size_t at, bool at_least, bool at_most) {
    const bool least_is_over = at >= least_.value.fraction.size();
    if (at_least && least_is_over && least_.inclusive) at_least = false;
    if (!at_least && !at_most) return text_.Digits(1, JsonText::kMaxDigits);
    const bool most_is_over = at_most && at >= most_->value.fraction.size();
    const Expression zeros = grammar_.Repeat(grammar_.Literal("0"), 0, JsonText::kMaxDigits);
    if (most_is_over) {  // the number is its bound: only zeros change nothing
      if (at_least || !most_->inclusive) return grammar_.Alternatives({});
      return grammar_.Sequence({grammar_.Literal("0"), zeros});
    }
    if (at_least && least_is_over && !at_most) {  // anything but zeros makes it more
      return grammar_.Sequence({zeros, text_.Digit('1'), text_.Digits(0, JsonText::kMaxDigits)});
    }
    const char lowest = at_least && !least_is_over ? least_.value.fraction[at] : '0';
    const char highest = at_most ? most_->value.fraction[at] : '9';
    return Branch(lowest, highest, at_least, at_most, [&](bool low, bool high) {
      std::vector<Expression> ways;
      if (MayEnd(at + 1, low, high)) ways.push_back(grammar_.Empty());
      ways.push_back(FractionFrom(at + 1, low, high));
      return grammar_.Alternatives(std::move(ways));
    });
  }

  const Bound least_;
  const std::optional<Bound> most_;
  const bool integer_;
  Grammar& grammar_;
  JsonText& text_;
};

}  // namespace

std::optional<Decimal> Decimal::Parse(std::string_view text) {
  constexpr int64_t kMostDigits = 400;
  Decimal decimal;
  if (text.substr(0, 1) == "-") {
    decimal.negative = true;
    text.remove_prefix(1);
  }
  int64_t exponent = 0;
  const size_t e = text.find_first_of("eE");
  if (e != std::string_view::npos) {
    const size_t digits = text[e + 1] == '+' ? e + 2 : e + 1;
    const auto [end, error] = std::from_chars(text.data() + digits, text.data() + text.size(), exponent);
    if (error != std::errc() || exponent > kMostDigits || exponent < -kMostDigits) return std::nullopt;
    text = text.substr(0, e);
  }
  if (text.size() > kMostDigits) return std::nullopt;
  const size_t point = std::min(text.find('.'), text.size());
  std::string digits(text.substr(0, point));
  if (point < text.size()) digits += text.substr(point + 1);
  int64_t whole = static_cast<int64_t>(point) + exponent;
  if (whole < 1) {
    digits.insert(0, static_cast<size_t>(1 - whole), '0');
    whole = 1;
  }
  if (static_cast<size_t>(whole) > digits.size())
    digits.append(static_cast<size_t>(whole) - digits.size(), '0');
  decimal.whole = digits.substr(0, static_cast<size_t>(whole));
  decimal.fraction = digits.substr(static_cast<size_t>(whole));
  decimal.whole.erase(0, std::min(decimal.whole.find_first_not_of('0'), decimal.whole.size() - 1));
  decimal.fraction.erase(decimal.fraction.find_last_not_of('0') + 1);
  if (decimal.whole == "0" && decimal.fraction.empty()) decimal.negative = false;
  return decimal;
}

int Decimal::Compare(const Decimal& other) const {
  if (negative != other.negative) return negative ? -1 : 1;
  return negative ? CompareMagnitudes(other, *this) : CompareMagnitudes(*this, other);
}

Expression NumbersWithin(const std::optional<Bound>& least, const std::optional<Bound>& most, bool integer,
                         Grammar* grammar, JsonText* text) {
  const Bound zero{{false, "0", ""}, true};
  const auto opposite = [](Bound bound) {
    bound.value.negative = false;
    return bound;
  };
  const bool above_zero = !most || !most->value.negative;
  std::vector<Expression> ways;
  if (above_zero && !(least && most && least->value.Compare(most->value) > 0)) {
    const bool from_zero = !least || least->value.negative;
    ways.push_back(Magnitudes(from_zero ? zero : *least, most, integer, grammar, text).Build());
  }
  if (!least || least->value.negative) {
    const bool to_zero = above_zero && !(most && most->value.Compare(zero.value) == 0 && !most->inclusive);
    const Bound smallest = to_zero ? zero : opposite(*most);
    const std::optional<Bound> largest = least ? std::optional(opposite(*least)) : std::nullopt;
    if (!largest || largest->value.Compare(smallest.value) >= 0) {
      ways.push_back(grammar->Sequence(
          {grammar->Literal("-"), Magnitudes(smallest, largest, integer, grammar, text).Build()}));
    }
  }
  return grammar->Alternatives(std::move(ways));
}

}  // namespace mmoe::grammar
