#include "core/template/letter_case.h"

#include "core/template/unicode.h"
#include "core/text/utf8.h"

namespace mmoe::jinja {

namespace {

// Whether the sigma at `at` ends a word: a letter before it and none behind, marks between them aside.
bool IsFinalSigma(const std::string& bytes, size_t at) {
  bool letter_before = false;
  for (size_t before = at; before > 0 && !letter_before;) {
    do --before;
    while ((static_cast<unsigned char>(bytes[before]) & 0xC0) == 0x80);
    const uint32_t character = ReadValidUtf8(bytes, before).value;
    if (IsCaseIgnorable(character)) continue;
    if (!IsCased(character)) return false;
    letter_before = true;
  }
  if (!letter_before) return false;
  for (size_t behind = at + 2; behind < bytes.size();) {
    const CodePoint character = ReadValidUtf8(bytes, behind);
    if (!IsCaseIgnorable(character.value)) return !IsCased(character.value);
    behind += character.bytes;
  }
  return true;
}

std::string LowerAt(const std::string& bytes, size_t at, uint32_t character) {
  if (character != kCapitalSigma) return Lower(character);
  return IsFinalSigma(bytes, at) ? "\u03C2" : "\u03C3";
}

// `change` gives the text of the character at a place.
template <typename Change>
Text Changed(const Text& text, Change change) {
  Text changed;
  for (size_t at = 0; at < text.size();) {
    const CodePoint character = ReadValidUtf8(text.bytes(), at);
    changed.AppendLike(text, at, change(at, character.value));
    at += character.bytes;
  }
  changed.set_markup(text.markup());
  return changed;
}

template <typename Wanted, typename Other>
bool AllAre(const Text& text, Wanted wanted, Other other) {
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint character = ReadValidUtf8(text.bytes(), at);
    if (other(character.value) || IsTitle(character.value)) return false;
    any |= wanted(character.value);
    at += character.bytes;
  }
  return any;
}

}  // namespace

Text ToUpper(const Text& text) {
  return Changed(text, [](size_t, uint32_t character) { return Upper(character); });
}

Text ToLower(const Text& text) {
  return Changed(text, [&](size_t at, uint32_t character) { return LowerAt(text.bytes(), at, character); });
}

Text Capitalize(const Text& text) {
  return Changed(text, [&](size_t at, uint32_t character) {
    return at == 0 ? TitleCase(character) : LowerAt(text.bytes(), at, character);
  });
}

Text ToTitle(const Text& text) {
  bool in_word = false;
  return Changed(text, [&](size_t at, uint32_t character) {
    const bool begins = !in_word;
    in_word = IsCased(character);
    return begins ? TitleCase(character) : LowerAt(text.bytes(), at, character);
  });
}

Text SwapCase(const Text& text) {
  return Changed(text, [&](size_t at, uint32_t character) {
    if (IsUpper(character)) return LowerAt(text.bytes(), at, character);
    if (IsLower(character)) return Upper(character);
    return text.bytes().substr(at, ReadValidUtf8(text.bytes(), at).bytes);
  });
}

bool IsAllUpper(const Text& text) { return AllAre(text, IsUpper, IsLower); }
bool IsAllLower(const Text& text) { return AllAre(text, IsLower, IsUpper); }

}  // namespace mmoe::jinja
