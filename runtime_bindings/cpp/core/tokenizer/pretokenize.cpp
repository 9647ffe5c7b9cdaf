#include "core/tokenizer/pretokenize.h"

#include "core/text/utf8.h"
#include "core/tokenizer/unicode_classes.h"

namespace mmoe {

namespace {

constexpr uint32_t kLongS = 0x17F;  // folds to s, so the case-insensitive 's takes it

struct Char {
  uint32_t value = 0;
  CharClass char_class = CharClass::kOther;
  size_t end = 0;  // where the next one begins
  bool exists = false;

  bool Is(CharClass wanted) const { return exists && char_class == wanted; }
  bool IsNewline() const { return exists && (value == '\r' || value == '\n'); }
};

Char Read(std::string_view text, size_t at) {
  if (at >= text.size()) return {};
  const CodePoint code_point = ReadValidUtf8(text, at);
  return {code_point.value, ClassOf(code_point.value), at + code_point.bytes, true};
}

size_t SkipClass(std::string_view text, size_t at, CharClass wanted) {
  for (Char c = Read(text, at); c.Is(wanted); c = Read(text, at)) at = c.end;
  return at;
}

size_t SkipNewlines(std::string_view text, size_t at) {
  while (at < text.size() && (text[at] == '\r' || text[at] == '\n')) ++at;
  return at;
}

uint32_t Lower(const Char& c) {
  return c.exists && c.value >= 'A' && c.value <= 'Z' ? c.value + 32 : c.value;
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d) behind its apostrophe; 0 if it does not match.
size_t Contraction(std::string_view text, size_t at) {
  const Char first = Read(text, at);
  const Char second = first.exists ? Read(text, first.end) : Char{};
  switch (first.exists ? Lower(first) : 0) {
    case 's':
    case 't':
    case 'm':
    case 'd':
    case kLongS:
      return first.end;
    case 'r':
    case 'v':
      return second.exists && Lower(second) == 'e' ? second.end : 0;
    case 'l':
      return second.exists && Lower(second) == 'l' ? second.end : 0;
    default:
      return 0;
  }
}

// \s*[\r\n]+|\s+(?!\S)|\s+ : to the last newline of a run of white space; without one all of it at the end of
// the text, else all but its last character, which belongs to the word behind it unless it stands alone.
size_t WhiteSpace(std::string_view text, size_t at) {
  size_t after_newline = 0;
  size_t last = at;
  size_t end = at;
  for (Char c = Read(text, at); c.Is(CharClass::kSpace); c = Read(text, end)) {
    last = end;
    end = c.end;
    if (c.IsNewline()) after_newline = end;
  }
  if (after_newline != 0) return after_newline;
  return end == text.size() || last == at ? end : last;
}

}  // namespace

size_t NextWord(std::string_view text, size_t at) {
  const Char first = Read(text, at);
  if (first.value == '\'') {
    const size_t end = Contraction(text, first.end);
    if (end != 0) return end;
  }
  if (first.Is(CharClass::kLetter)) return SkipClass(text, first.end, CharClass::kLetter);
  if (first.Is(CharClass::kNumber)) {
    size_t end = first.end;
    for (int digits = 1; digits < 3; ++digits) {
      const Char next = Read(text, end);
      if (!next.Is(CharClass::kNumber)) break;
      end = next.end;
    }
    return end;
  }
  const Char second = Read(text, first.end);
  if (!first.IsNewline() && second.Is(CharClass::kLetter))
    return SkipClass(text, second.end, CharClass::kLetter);
  if (first.Is(CharClass::kOther) || (first.value == ' ' && second.Is(CharClass::kOther))) {
    return SkipNewlines(text, SkipClass(text, first.end, CharClass::kOther));
  }
  return WhiteSpace(text, at);
}

}  // namespace mmoe
