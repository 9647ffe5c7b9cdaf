#include "core/template/unicode.h"

#include <algorithm>
#include <iterator>

#include "core/text/utf8.h"

namespace mmoe::jinja {

namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

// Every `step`-th character from `first` to `last` becomes the one `delta` behind it.
struct Steps {
  uint32_t first;
  uint32_t last;
  uint32_t step;
  int32_t delta;
};

struct Special {
  uint32_t character;
  const char* text;
};

#include "core/template/unicode_tables.inc"

constexpr Range kSpaces[] = {{0x9, 0xD},       {0x1C, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                             {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                             {0x205F, 0x205F}, {0x3000, 0x3000}};

// The last row that begins at or before the character; nullptr when there is none.
template <typename Row, size_t kRows>
const Row* RowOf(const Row (&rows)[kRows], uint32_t character) {
  const Row* after = std::upper_bound(std::begin(rows), std::end(rows), character,
                                      [](uint32_t value, const Row& row) { return value < row.first; });
  return after == std::begin(rows) ? nullptr : after - 1;
}

template <size_t kRows>
bool Among(const Range (&ranges)[kRows], uint32_t character) {
  const Range* range = RowOf(ranges, character);
  return range != nullptr && character <= range->last;
}

template <size_t kRows>
const char* SpecialOf(const Special (&specials)[kRows], uint32_t character) {
  const Special* found =
      std::lower_bound(std::begin(specials), std::end(specials), character,
                       [](const Special& special, uint32_t value) { return special.character < value; });
  return found != std::end(specials) && found->character == character ? found->text : nullptr;
}

template <size_t kRows>
std::string Moved(const Steps (&steps)[kRows], uint32_t character) {
  const Steps* row = RowOf(steps, character);
  const bool moves = row != nullptr && character <= row->last && (character - row->first) % row->step == 0;
  std::string text;
  AppendUtf8(moves ? character + static_cast<uint32_t>(row->delta) : character, &text);
  return text;
}

}  // namespace

bool IsPythonSpace(uint32_t character) { return Among(kSpaces, character); }
bool IsPrintable(uint32_t character) { return !Among(kNotPrintable, character); }
bool IsUpper(uint32_t character) { return Among(kUpper, character); }
bool IsLower(uint32_t character) { return Among(kLower, character); }
bool IsTitle(uint32_t character) { return Among(kTitle, character); }
bool IsCaseIgnorable(uint32_t character) { return Among(kCaseIgnorable, character); }

std::string Upper(uint32_t character) {
  const char* special = SpecialOf(kSpecialUpper, character);
  return special != nullptr ? special : Moved(kToUpper, character);
}

std::string Lower(uint32_t character) {
  const char* special = SpecialOf(kSpecialLower, character);
  return special != nullptr ? special : Moved(kToLower, character);
}

std::string TitleCase(uint32_t character) {
  const char* special = SpecialOf(kSpecialTitle, character);
  return special != nullptr ? special : Upper(character);
}

}  // namespace mmoe::jinja
