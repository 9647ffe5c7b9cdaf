#include "core/grammar/gbnf.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/text/utf8.h"

namespace mmoe::grammar {

namespace {

// The parser and the automaton's builder recurse into groups.
constexpr int kMaxDepth = 200;
constexpr uint32_t kMaxRepeat = 100'000'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameCharacter(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

class GbnfParser {
 public:
  explicit GbnfParser(std::string_view text) : text_(text) {
    const size_t broken = FindInvalidUtf8(text);
    if (broken != text.size()) Fail("is not UTF-8 from here on", broken);
    NewName("root", 0);
  }

  Grammar Parse() {
    for (Space(true); !AtEnd(); Space(true)) ParseRule();
    if (!grammar_.rules()[0].defined) Fail("defines no rule root", at_);
    for (const auto& [name, place] : first_uses_) {
      if (!grammar_.rules()[rules_[name]].defined) Fail("has no rule " + name, place);
    }
    return std::move(grammar_);
  }

 private:
  [[noreturn]] void Fail(const std::string& what, size_t at,
                         mmoe_status status = MMOE_INVALID_ARGUMENT) const {
    const std::string_view before = text_.substr(0, at);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
    // In characters: what is no continuation byte.
    const auto column = std::count_if(before.begin() + static_cast<ptrdiff_t>(begin), before.end(),
                                      [](char c) { return (c & 0xC0) != 0x80; }) +
                        1;
    throw CoreError(status, "the grammar " + what + " (line " + std::to_string(line) + ", column " +
                                std::to_string(column) + ")");
  }

  bool AtEnd() const { return at_ == text_.size(); }
  bool Sees(char c) const { return !AtEnd() && text_[at_] == c; }
  bool Take(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }

  // Blanks and comments, and the ends of lines where a rule goes on behind them.
  void Space(bool lines) {
    while (!AtEnd()) {
      const char c = text_[at_];
      if (c == '#') {
        while (!AtEnd() && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  std::string Name() {
    const size_t begin = at_;
    while (!AtEnd() && IsNameCharacter(text_[at_])) ++at_;
    if (at_ == begin) Fail("lacks a rule's name", begin);
    return std::string(text_.substr(begin, at_ - begin));
  }

  Rule NewName(const std::string& name, size_t place) {
    const auto [entry, is_new] = rules_.emplace(name, 0);
    if (is_new) {
      entry->second = grammar_.NewRule(name);
      first_uses_.emplace(name, place);
    }
    return entry->second;
  }

  void ParseRule() {
    const size_t begin = at_;
    const std::string name = Name();
    const Rule rule = NewName(name, begin);
    if (grammar_.rules()[rule].defined) Fail("defines the rule " + name + " twice", begin);
    Space(false);
    if (!Take("::=")) Fail("lacks ::= behind the name of a rule", at_);
    Space(true);
    grammar_.Define(rule, Alternatives(false));
    if (!AtEnd() && !Sees('\n') && !Sees('\r')) Fail("has something that begins no part of a rule", at_);
  }

  Expression Alternatives(bool in_group) {
    if (++depth_ > kMaxDepth) Fail("has groups nested deeper than " + std::to_string(kMaxDepth), at_);
    std::vector<Expression> alternatives;
    do {
      Space(alternatives.empty() ? in_group : true);
      alternatives.push_back(Sequence(in_group));
    } while (Take("|"));
    --depth_;
    return grammar_.Alternatives(std::move(alternatives));
  }

  Expression Sequence(bool in_group) {
    std::vector<Expression> parts;
    while (const std::optional<Expression> part = Part()) {
      parts.push_back(Repeated(*part));
      Space(in_group);
    }
    return grammar_.Sequence(std::move(parts));
  }

  std::optional<Expression> Part() {
    if (AtEnd()) return std::nullopt;
    const size_t begin = at_;
    const char c = text_[at_];
    if (c == '"') return Literal();
    if (c == '[') return Class();
    if (Take(".")) return grammar_.Character(CharSet::All());
    if (IsNameCharacter(c)) {
      const std::string name = Name();
      return grammar_.Call(NewName(name, begin));
    }
    if (Take("(")) {
      const Expression inside = Alternatives(true);
      if (!Take(")")) Fail("has a ( without its )", begin);
      return inside;
    }
    if (c == '<' || c == '!') {
      Fail("names a token, which only a grammar for one model could", at_, MMOE_UNSUPPORTED);
    }
    return std::nullopt;
  }

  Expression Repeated(Expression what) {
    // One behind the other is a repeat of a repeat, as in llama.cpp; each is a level of the expression.
    for (int repeats = 0;; ++repeats) {
      Space(false);
      const size_t begin = at_;
      uint32_t least = 0;
      uint32_t most = kNoLimit;
      if (Take("+")) {
        least = 1;
      } else if (Take("?")) {
        most = 1;
      } else if (Take("{")) {
        Space(false);
        least = most = Number();
        Space(false);
        if (Take(",")) {
          Space(false);
          most = Sees('}') ? kNoLimit : Number();
          Space(false);
        }
        if (!Take("}")) Fail("has a { without its }", begin);
        if (most < least) Fail("has a repeat {n,m} with n above m", begin);
      } else if (!Take("*")) {
        return what;
      }
      if (repeats == 3) Fail("has repeats of repeats of repeats", begin);
      what = grammar_.Repeat(what, least, most);
    }
  }

  uint32_t Number() {
    const size_t begin = at_;
    uint32_t number = 0;
    while (!AtEnd() && IsDigit(text_[at_])) {
      number = number * 10 + static_cast<uint32_t>(text_[at_++] - '0');
      if (number > kMaxRepeat)
        Fail("has a repeat of more than " + std::to_string(kMaxRepeat) + " times", begin);
    }
    if (at_ == begin) Fail("lacks the number of a repeat", begin);
    return number;
  }

  Expression Literal() {
    const size_t begin = at_++;
    std::string text;
    while (!Take("\"")) {
      if (AtEnd()) Fail("has a literal without its closing quote", begin);
      AppendUtf8(Character(), &text);
    }
    return grammar_.Literal(std::move(text));
  }

  Expression Class() {
    const size_t begin = at_++;
    const bool negative = Take("^");
    std::vector<CharRange> ranges;
    while (!Take("]")) {
      if (AtEnd()) Fail("has a [ without its ]", begin);
      const size_t place = at_;
      CharRange range{Character(), 0};
      range.last = range.first;
      if (Sees('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        range.last = Character();
      }
      if (range.last < range.first) Fail("has a range whose end is before its beginning", place);
      ranges.push_back(range);
    }
    const CharSet set(std::move(ranges));
    return grammar_.Character(negative ? set.Complement() : set);
  }

  uint32_t Character() {
    const size_t begin = at_;
    if (!Take("\\")) {
      const CodePoint point = ReadValidUtf8(text_, at_);
      at_ += point.bytes;
      return point.value;
    }
    if (AtEnd()) Fail("ends in an escape", begin);
    switch (const char c = text_[at_++]) {
      case 'x':
        return Hex(2, begin);
      case 'u':
        return Hex(4, begin);
      case 'U':
        return Hex(8, begin);
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case 'n':
        return '\n';
      case '\\':
      case '"':
      case '[':
      case ']':
        return static_cast<uint32_t>(c);
      default:
        Fail("has an unknown escape", begin);
    }
  }

  uint32_t Hex(int digits, size_t begin) {
    uint32_t value = 0;
    for (int digit = 0; digit < digits; ++digit) {
      const char c = AtEnd() ? '\0' : text_[at_];
      const char lower = static_cast<char>(c | 0x20);
      if (!IsDigit(c) && (lower < 'a' || lower > 'f')) {
        Fail("has an escape without its " + std::to_string(digits) + " hexadecimal digits", begin);
      }
      value = value * 16 + static_cast<uint32_t>(IsDigit(c) ? c - '0' : lower - 'a' + 10);
      ++at_;
    }
    if (value > kLastCodePoint || (value >= 0xD800 && value < 0xE000)) {
      Fail("has an escape of what is no character", begin);
    }
    return value;
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  Grammar grammar_;
  std::map<std::string, Rule> rules_;
  std::map<std::string, size_t> first_uses_;
};

}  // namespace

Grammar ParseGbnf(std::string_view text) { return GbnfParser(text).Parse(); }

}  // namespace mmoe::grammar
