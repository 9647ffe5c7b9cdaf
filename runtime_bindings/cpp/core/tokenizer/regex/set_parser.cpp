#include "core/tokenizer/regex/set_parser.h"

#include <string>
#include <utility>
#include <vector>

#include "core/tokenizer/unicode/properties.h"

namespace mmoe {

namespace {

constexpr int kMaxDepth = 20;
// What folds to an ASCII letter besides its capital: the Kelvin sign to k, the long s to s.
constexpr uint32_t kKelvin = 0x212A, kLongS = 0x17F;

bool IsHexDigit(uint32_t c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

uint32_t HexValue(uint32_t digit) { return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10; }

// At least one hexadecimal digit, at most `most`.
uint32_t Hex(RegexReader* in, int most) {
  uint32_t value = 0;
  int digits = 0;
  for (; digits < most && !in->AtEnd() && IsHexDigit(in->Peek()); ++digits) {
    value = value * 16 + HexValue(in->Next());
  }
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  if (digits == 0 || value > kLastCodePoint || surrogate) in->Unsupported("a code that is no character");
  return value;
}

CharSet HexDigits() { return CharSet({{'0', '9'}, {'A', 'F'}, {'a', 'f'}}); }

CharSet Property(RegexReader* in, bool negative) {
  if (!in->Take('{')) in->Unsupported("\\p without {");
  if (in->Take('^')) negative = !negative;
  std::string name;
  while (!in->Sees('}')) {
    const uint32_t c = in->Next();
    if (c > 0x7E) in->Unsupported("a property that is no ASCII name");
    name += static_cast<char>(c);
  }
  in->Take('}');
  const std::optional<CharSet> set = FindProperty(name);
  if (!set) in->Unsupported("the property " + name);
  return negative ? set->Complement() : *set;
}

class SetParser {
 public:
  SetParser(RegexReader* in, bool ignore_case) : in_(*in), ignore_case_(ignore_case) {}

  CharSet Parse() {
    if (++depth_ > kMaxDepth) in_.Unsupported("sets nested so deeply");
    const bool negative = in_.Take('^');
    if (in_.Sees(']')) in_.Unsupported("] as the first of a set");
    CharSet all = CharSet::All();
    CharSet set = Part();
    while (in_.TakeAhead("&&")) {
      all = all.Intersection(set);
      set = Part();
    }
    if (!in_.Take(']')) in_.Unsupported("a [ without its ]");
    --depth_;
    set = all.Intersection(set);
    return negative ? set.Complement() : set;
  }

 private:
  // To the next && or the end.
  CharSet Part() {
    std::vector<CharRange> ranges;
    const auto add = [&](const CharSet& set) {
      ranges.insert(ranges.end(), set.ranges().begin(), set.ranges().end());
    };
    while (!in_.Sees(']') && !in_.SeesAhead("&&")) {
      if (in_.SeesAhead("[:")) in_.Unsupported("[:...:]");
      if (in_.Take('[')) {
        add(Parse());
        continue;
      }
      if (in_.Sees('\\')) {
        in_.Next();
        if (const std::optional<CharSet> set = ParseEscapedSet(&in_)) {
          if (ignore_case_) in_.Unsupported("a case-insensitive class");
          if (in_.Sees('-') && !in_.SeesAhead("-]")) in_.Unsupported("a range that begins with a class");
          add(*set);
          continue;
        }
        add(Range(ParseEscapedCharacter(&in_)));
        continue;
      }
      add(Range(in_.Next()));
    }
    return CharSet(std::move(ranges));
  }

  CharSet Range(uint32_t first) {
    uint32_t last = first;
    if (in_.Sees('-') && !in_.SeesAhead("-]")) {
      in_.Next();
      if (in_.Sees('[') || in_.SeesAhead("&&")) in_.Unsupported("a range that ends with a set");
      last = in_.Next();
      if (last == '\\') {
        if (ParseEscapedSet(&in_)) in_.Unsupported("a range that ends with a class");
        last = ParseEscapedCharacter(&in_);
      }
      if (last < first) in_.Unsupported("a range whose end is before its beginning");
    }
    const CharSet set({{first, last}});
    return ignore_case_ ? IgnoreCase(set, in_) : set;
  }

  RegexReader& in_;
  const bool ignore_case_;
  int depth_ = 0;
};

}  // namespace

CharSet ParseSet(RegexReader* in, bool ignore_case) { return SetParser(in, ignore_case).Parse(); }

std::optional<CharSet> ParseEscapedSet(RegexReader* in) {
  if (in->Take('s')) return WhiteSpace();
  if (in->Take('S')) return WhiteSpace().Complement();
  if (in->Take('d')) return FindProperty("Nd");
  if (in->Take('D')) return FindProperty("Nd")->Complement();
  if (in->Take('w')) return WordCharacters();
  if (in->Take('W')) return WordCharacters().Complement();
  if (in->Take('h')) return HexDigits();
  if (in->Take('H')) return HexDigits().Complement();
  if (in->Take('p')) return Property(in, false);
  if (in->Take('P')) return Property(in, true);
  return std::nullopt;
}

uint32_t ParseEscapedCharacter(RegexReader* in) {
  if (in->Take('n')) return '\n';
  if (in->Take('r')) return '\r';
  if (in->Take('t')) return '\t';
  if (in->Take('f')) return '\f';
  if (in->Take('v')) return '\v';
  if (in->Take('a')) return '\a';
  if (in->Take('e')) return 0x1B;
  if (in->TakeAhead("x{")) {
    const uint32_t code_point = Hex(in, 8);
    if (!in->Take('}')) in->Unsupported("\\x{ without its }");
    return code_point;
  }
  if (in->Take('x')) {
    const uint32_t code_point = Hex(in, 2);
    if (code_point > 0x7F) in->Unsupported("\\x for a byte that is no ASCII character");
    return code_point;
  }
  const uint32_t c = in->Peek();
  const bool alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  if (alphanumeric && c != 'u') in->Unsupported(std::string("\\") + static_cast<char>(c));
  in->Next();
  return c == 'u' ? Hex(in, 4) : c;
}

CharSet IgnoreCase(const CharSet& set, const RegexReader& in) {
  std::vector<CharRange> ranges = set.ranges();
  for (const CharRange& range : set.ranges()) {
    if (range.last > 0x7F) in.Unsupported("a case-insensitive character beyond ASCII");
    for (uint32_t c = range.first; c <= range.last; ++c) {
      const uint32_t lower = c | 0x20;
      if (lower < 'a' || lower > 'z' || c < 'A') continue;
      ranges.push_back({c ^ 0x20, c ^ 0x20});
      if (lower == 'k') ranges.push_back({kKelvin, kKelvin});
      if (lower == 's') ranges.push_back({kLongS, kLongS});
    }
  }
  return CharSet(std::move(ranges));
}

}  // namespace mmoe
