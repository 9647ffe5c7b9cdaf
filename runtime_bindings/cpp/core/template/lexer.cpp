#include "core/template/lexer.h"

#include <algorithm>

#include "core/template/template_error.h"
#include "core/template/unicode.h"
#include "core/text/utf8.h"

namespace mmoe::jinja {

namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsOctalDigit(char c) { return c >= '0' && c <= '7'; }
bool IsBinaryDigit(char c) { return c == '0' || c == '1'; }

// One newline for all kinds, and none at the very end.
std::string NormalizeNewlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t at = 0; at < source.size(); ++at) {
    if (source[at] == '\r') {
      text += '\n';
      if (at + 1 < source.size() && source[at + 1] == '\n') ++at;
    } else {
      text += source[at];
    }
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

class Lexer {
 public:
  Lexer(std::string_view source, const std::string& where) : text_(NormalizeNewlines(source)), where_(where) {
    const size_t broken = FindInvalidUtf8(text_);
    if (broken == text_.size()) return;
    line_ +=
        static_cast<int>(std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(broken), '\n'));
    Fail("is not UTF-8");
  }

  std::vector<Token> Run() {
    while (at_ < text_.size()) Root();
    Push(TokenType::kEnd, "");
    return std::move(tokens_);
  }

 private:
  enum class Tag : uint8_t { kBlock, kVariable, kComment, kRaw };

  [[noreturn]] void Fail(const std::string& message) const {
    throw TemplateError(MMOE_CORRUPT, where_, line_, message);
  }

  void Push(TokenType type, std::string text) { tokens_.push_back({type, std::move(text), line_}); }

  bool Starts(std::string_view what) const { return text_.compare(at_, what.size(), what) == 0; }

  // Moves on, counting lines.
  void Advance(size_t count) {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<ptrdiff_t>(at_),
                                         text_.begin() + static_cast<ptrdiff_t>(at_ + count), '\n'));
    at_ += count;
  }

  // The bytes of white space at `from`.
  size_t BlankAt(size_t from) const {
    size_t end = from;
    while (end < text_.size()) {
      const CodePoint character = ReadValidUtf8(text_, end);
      if (!IsPythonSpace(character.value)) break;
      end += character.bytes;
    }
    return end - from;
  }

  // The end of "{% raw %}" (or, with `word` "endraw", of its end) at `from`; 0 when there is none. Sets the
  // signs.
  size_t RawTagEnd(size_t from, std::string_view word, bool* trims) const {
    size_t end = from + 2;
    if (end < text_.size() && (text_[end] == '-' || text_[end] == '+')) ++end;
    end += BlankAt(end);
    if (text_.compare(end, word.size(), word) != 0) return 0;
    end += word.size();
    end += BlankAt(end);
    *trims = text_.compare(end, 3, "-%}") == 0;
    if (*trims) return end + 3;
    if (word == "endraw" && text_.compare(end, 3, "+%}") == 0) return end + 3;
    return text_.compare(end, 2, "%}") == 0 ? end + 2 : 0;
  }

  // Where the next tag begins, and which.
  size_t FindTag(size_t from, Tag* tag) const {
    for (size_t at = text_.find('{', from); at != std::string::npos && at + 1 < text_.size();
         at = text_.find('{', at + 1)) {
      if (text_[at + 1] == '{') {
        *tag = Tag::kVariable;
        return at;
      }
      if (text_[at + 1] == '#') {
        *tag = Tag::kComment;
        return at;
      }
      if (text_[at + 1] == '%') {
        bool trims = false;
        *tag = RawTagEnd(at, "raw", &trims) != 0 ? Tag::kRaw : Tag::kBlock;
        return at;
      }
    }
    return text_.size();
  }

  // The data in front of a tag at `tag_at`, without what the tag's sign or its own line takes away.
  void PushData(size_t tag_at, Tag tag) {
    std::string data = text_.substr(at_, tag_at - at_);
    const char sign = tag_at + 2 < text_.size() ? text_[tag_at + 2] : '\0';
    if (sign == '-') {
      data.resize(data.size() - TrailingBlank(data));
    } else if (sign != '+' && tag != Tag::kVariable) {
      const size_t line = data.rfind('\n') + 1;  // 0 when there is none
      if ((line > 0 || line_starting_) && IsBlank(std::string_view(data).substr(line))) data.resize(line);
    }
    if (!data.empty()) Push(TokenType::kData, std::move(data));
    Advance(tag_at - at_);
  }

  static bool IsBlank(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      const CodePoint character = ReadValidUtf8(text, at);
      if (!IsPythonSpace(character.value)) return false;
      at += character.bytes;
    }
    return true;
  }

  static size_t TrailingBlank(std::string_view text) {
    size_t solid = 0;
    for (size_t at = 0; at < text.size();) {
      const CodePoint character = ReadValidUtf8(text, at);
      at += character.bytes;
      if (!IsPythonSpace(character.value)) solid = at;
    }
    return text.size() - solid;
  }

  void Root() {
    Tag tag = Tag::kBlock;
    const size_t begin = FindTag(at_, &tag);
    if (begin == text_.size()) {
      Push(TokenType::kData, text_.substr(at_));
      Advance(text_.size() - at_);
      return;
    }
    PushData(begin, tag);
    line_starting_ = false;
    switch (tag) {
      case Tag::kComment:
        return Comment();
      case Tag::kRaw:
        return Raw();
      default:
        return Inside(tag);
    }
  }

  // Behind a tag's end: "-" drops all white space, a block's or a comment's own end one newline.
  void FinishTag(bool trims, bool one_newline) {
    const size_t begin = at_;
    if (trims) {
      Advance(BlankAt(at_));
    } else if (one_newline && at_ < text_.size() && text_[at_] == '\n') {
      Advance(1);
    }
    line_starting_ = at_ > begin && text_[at_ - 1] == '\n';
  }

  void Comment() {
    const size_t end = text_.find("#}", at_ + 2);
    if (end == std::string::npos) Fail("a comment is not closed");
    const bool trims = end > at_ + 2 && text_[end - 1] == '-';
    const bool keeps = end > at_ + 2 && text_[end - 1] == '+';
    Advance(end + 2 - at_);
    FinishTag(trims, !keeps);
  }

  void Raw() {
    bool trims = false;
    Advance(RawTagEnd(at_, "raw", &trims) - at_);
    FinishTag(trims, false);
    for (size_t end = text_.find("{%", at_); end != std::string::npos; end = text_.find("{%", end + 1)) {
      const size_t behind = RawTagEnd(end, "endraw", &trims);
      if (behind == 0) continue;
      PushData(end, Tag::kRaw);
      const bool keeps = text_[behind - 3] == '+';
      Advance(behind - at_);
      FinishTag(trims, !keeps);
      return;
    }
    Fail("a raw block is not closed");
  }

  // The expression or statement of a tag.
  void Inside(Tag tag) {
    const bool block = tag == Tag::kBlock;
    Push(block ? TokenType::kBlockBegin : TokenType::kVariableBegin, "");
    Advance(2);
    if (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) Advance(1);
    std::string open;  // the brackets that wait for their ends, which hide a "}}"
    for (;;) {
      Advance(BlankAt(at_));
      if (at_ >= text_.size()) Fail("a tag is not closed");
      if (open.empty() && CloseTag(block)) return;
      if (IsDigit(text_[at_])) {
        Number();
      } else if (text_[at_] == '"' || text_[at_] == '\'') {
        String();
      } else if (IsNameStart(text_[at_])) {
        const size_t begin = at_;
        size_t end = at_;
        while (end < text_.size() && IsNamePart(text_[end])) ++end;
        Push(TokenType::kName, text_.substr(begin, end - begin));
        Advance(end - begin);
      } else {
        Operator(&open);
      }
    }
  }

  bool CloseTag(bool block) {
    const std::string_view close = block ? "%}" : "}}";
    const bool trims = text_[at_] == '-' && text_.compare(at_ + 1, 2, close) == 0;
    const bool keeps = block && Starts("+%}");
    if (!trims && !keeps && !Starts(close)) return false;
    Push(block ? TokenType::kBlockEnd : TokenType::kVariableEnd, "");
    Advance(trims || keeps ? 3 : 2);
    FinishTag(trims, block && !keeps);
    return true;
  }

  void Operator(std::string* open) {
    for (const std::string_view longer : {"//", "**", "==", "!=", ">=", "<="}) {
      if (Starts(longer)) {
        Push(TokenType::kOperator, std::string(longer));
        return Advance(longer.size());
      }
    }
    const char c = text_[at_];
    if (std::string_view("+-/*%~[](){}><=.:|,;").find(c) == std::string_view::npos) {
      Fail(std::string("unexpected character \"") + c + "\"");
    }
    if (c == '(' || c == '[' || c == '{') {
      *open += c == '(' ? ')' : (c == '[' ? ']' : '}');
    } else if (c == ')' || c == ']' || c == '}') {
      if (open->empty() || open->back() != c) Fail(std::string("unexpected \"") + c + "\"");
      open->pop_back();
    }
    Push(TokenType::kOperator, std::string(1, c));
    Advance(1);
  }

  // Digits with single underscores between them; `end` moves behind them.
  template <typename IsPart>
  std::string Digits(size_t* end, IsPart is_part) const {
    std::string digits;
    while (*end < text_.size()) {
      if (is_part(text_[*end])) {
        digits += text_[(*end)++];
      } else if (text_[*end] == '_' && *end + 1 < text_.size() && is_part(text_[*end + 1])) {
        ++*end;
      } else {
        break;
      }
    }
    return digits;
  }

  void Number() {
    size_t end = at_;
    if (text_[at_] == '0' && at_ + 2 < text_.size() && Prefixed()) return;
    std::string digits = Digits(&end, IsDigit);
    const size_t whole_end = end;
    TokenType type = TokenType::kInteger;
    // "1.5", "1e5" and "1.5e-5"; behind a dot, as in "a.0.1", a number is an index. "1.real" is none either.
    const bool behind_dot = at_ > 0 && text_[at_ - 1] == '.';
    if (!behind_dot && end + 1 < text_.size() && text_[end] == '.' && IsDigit(text_[end + 1])) {
      ++end;
      digits += "." + Digits(&end, IsDigit);
      type = TokenType::kFloat;
    }
    if (!behind_dot && end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      size_t exponent = end + 1;
      std::string sign;
      if (exponent < text_.size() && (text_[exponent] == '+' || text_[exponent] == '-')) {
        sign = text_[exponent++];
      }
      if (exponent < text_.size() && IsDigit(text_[exponent])) {
        digits += "e" + sign + Digits(&exponent, IsDigit);
        end = exponent;
        type = TokenType::kFloat;
      }
    }
    if (type == TokenType::kInteger) {
      end = whole_end;
      if (digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != std::string::npos) {
        Fail("the number " + digits + " begins with a zero");
      }
    }
    Push(type, digits);
    Advance(end - at_);
  }

  // "0x1F", "0o17" and "0b11", as decimal digits.
  bool Prefixed() {
    size_t end = at_ + 2;
    std::string digits;
    int base = 0;
    switch (text_[at_ + 1]) {
      case 'x':
      case 'X':
        base = 16;
        break;
      case 'o':
      case 'O':
        base = 8;
        break;
      case 'b':
      case 'B':
        base = 2;
        break;
      default:
        return false;
    }
    if (text_[end] == '_') ++end;
    digits = base == 16 ? Digits(&end, IsHexDigit)
                        : (base == 8 ? Digits(&end, IsOctalDigit) : Digits(&end, IsBinaryDigit));
    if (digits.empty()) return false;
    uint64_t value = 0;
    for (const char digit : digits) {
      const int digit_value = IsDigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
      if (value > (UINT64_MAX >> 1) / static_cast<uint64_t>(base)) {
        throw TemplateError(MMOE_UNSUPPORTED, where_, line_, "integers beyond 64 bits are not implemented");
      }
      value = value * static_cast<uint64_t>(base) + static_cast<uint64_t>(digit_value);
    }
    Push(TokenType::kInteger, std::to_string(value));
    Advance(end - at_);
    return true;
  }

  void String() {
    const char quote = text_[at_];
    std::string plain;
    size_t at = at_ + 1;
    for (;; ++at) {
      if (at >= text_.size()) Fail("a string is not closed");
      if (text_[at] == quote) break;
      if (text_[at] != '\\') {
        plain += text_[at];
      } else if (++at < text_.size()) {
        at = Escape(at, &plain);
      }
    }
    Push(TokenType::kString, std::move(plain));
    Advance(at + 1 - at_);
  }

  // Of the escape whose letter is at `at`: appends its character, gives the place of its last byte.
  size_t Escape(size_t at, std::string* plain) {
    static constexpr std::string_view kLetters = "abfnrtv\\'\"";
    static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
    const char letter = text_[at];
    if (letter == '\n') return at;
    if (const size_t simple = kLetters.find(letter); simple != std::string_view::npos) {
      *plain += kMeanings[simple];
      return at;
    }
    if (IsOctalDigit(letter)) return CodeEscape(at, 3, 8, IsOctalDigit, plain);
    if (letter == 'x') return CodeEscape(at + 1, 2, 16, IsHexDigit, plain);
    if (letter == 'u') return CodeEscape(at + 1, 4, 16, IsHexDigit, plain);
    if (letter == 'U') return CodeEscape(at + 1, 8, 16, IsHexDigit, plain);
    if (letter == 'N') {
      throw TemplateError(MMOE_UNSUPPORTED, where_, line_,
                          "characters by name, \\N{...}, are not implemented");
    }
    *plain += '\\';
    *plain += letter;
    return at;
  }

  template <typename IsPart>
  size_t CodeEscape(size_t begin, size_t most, int base, IsPart is_part, std::string* plain) {
    size_t end = begin;
    while (end < text_.size() && end - begin < most && is_part(text_[end])) ++end;
    if (base == 16 && end - begin < most) Fail("a string has an escape with too few digits");
    const unsigned long code = std::stoul(text_.substr(begin, end - begin), nullptr, base);
    if (code > 0x10FFFF) Fail("a string has an escape that is no character");
    if (code >= 0xD800 && code < 0xE000) {
      throw TemplateError(MMOE_UNSUPPORTED, where_, line_, "halves of surrogate pairs are not implemented");
    }
    AppendUtf8(static_cast<uint32_t>(code), plain);
    return end - 1;
  }

  std::string text_;
  const std::string& where_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Tokenize(std::string_view source, const std::string& where) {
  return Lexer(source, where).Run();
}

}  // namespace mmoe::jinja
