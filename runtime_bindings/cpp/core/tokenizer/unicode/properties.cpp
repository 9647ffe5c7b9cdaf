#include "core/tokenizer/unicode/properties.h"

#include <array>
#include <utility>
#include <vector>

namespace mmoe {

namespace {

enum class Property : uint8_t {
  kArabic,
  kCyrillic,
  kDevanagari,
  kGreek,
  kHan,
  kHangul,
  kHebrew,
  kHiragana,
  kKatakana,
  kLatin,
  kThai,
  kWhiteSpace,
  kOtherWord,
  kOtherPlainWord,
  kOtherPunctuation,
  kNoPunctuation,
};

struct PropertyRange {
  uint32_t first;
  uint32_t last;
  Property property;
};

constexpr PropertyRange kPropertyRanges[] = {
#include "core/tokenizer/unicode/properties.inc"
};

constexpr std::pair<std::string_view, Property> kScripts[] = {
    {"Arabic", Property::kArabic}, {"Cyrillic", Property::kCyrillic}, {"Devanagari", Property::kDevanagari},
    {"Greek", Property::kGreek},   {"Han", Property::kHan},           {"Hangul", Property::kHangul},
    {"Hebrew", Property::kHebrew}, {"Hiragana", Property::kHiragana}, {"Katakana", Property::kKatakana},
    {"Latin", Property::kLatin},   {"Thai", Property::kThai},
};

// A category by its two letters.
constexpr uint16_t Letters(char group, char kind) { return static_cast<uint16_t>(group << 8 | kind); }
constexpr uint16_t kLu = Letters('L', 'u'), kLl = Letters('L', 'l'), kLt = Letters('L', 't'),
                   kLm = Letters('L', 'm'), kLo = Letters('L', 'o'), kMn = Letters('M', 'n'),
                   kMc = Letters('M', 'c'), kMe = Letters('M', 'e'), kNd = Letters('N', 'd'),
                   kNl = Letters('N', 'l'), kNo = Letters('N', 'o'), kPc = Letters('P', 'c'),
                   kPd = Letters('P', 'd'), kPs = Letters('P', 's'), kPe = Letters('P', 'e'),
                   kPi = Letters('P', 'i'), kPf = Letters('P', 'f'), kPo = Letters('P', 'o'),
                   kSm = Letters('S', 'm'), kSc = Letters('S', 'c'), kSk = Letters('S', 'k'),
                   kSo = Letters('S', 'o'), kZs = Letters('Z', 's'), kZl = Letters('Z', 'l'),
                   kZp = Letters('Z', 'p'), kCc = Letters('C', 'c'), kCf = Letters('C', 'f'),
                   kCo = Letters('C', 'o');

struct CategoryRange {
  uint32_t first;
  uint32_t last;
  uint16_t category;
};

// Without unassigned characters (Cn) and surrogates, which no text has.
constexpr CategoryRange kCategoryRanges[] = {
#include "core/tokenizer/unicode/categories.inc"
};

CharSet OfProperty(Property property) {
  std::vector<CharRange> ranges;
  for (const PropertyRange& range : kPropertyRanges) {
    if (range.property == property) ranges.push_back({range.first, range.last});
  }
  return CharSet(std::move(ranges));
}

// One or two letters; empty if they name no category.
CharSet OfCategory(std::string_view name) {
  std::vector<CharRange> ranges;
  for (const CategoryRange& range : kCategoryRanges) {
    const bool same_group = name[0] == range.category >> 8;
    if (same_group && (name.size() == 1 || name[1] == (range.category & 0xFF))) {
      ranges.push_back({range.first, range.last});
    }
  }
  return CharSet(std::move(ranges));
}

CharSet LettersMarksDigitsAndConnectors() {
  return OfCategory("L").Union(OfCategory("M")).Union(OfCategory("Nd")).Union(OfCategory("Pc"));
}

constexpr uint32_t kDirect = 0x80;

std::array<bool, kDirect> DirectWhiteSpace() {
  std::array<bool, kDirect> table{};
  for (uint32_t code_point = 0; code_point < kDirect; ++code_point) {
    table[code_point] = WhiteSpace().Contains(code_point);
  }
  return table;
}

}  // namespace

std::optional<CharSet> FindProperty(std::string_view name) {
  for (const auto& [script, property] : kScripts) {
    if (name == script) return OfProperty(property);
  }
  // "C" would have to hold what is not in the tables.
  if (name.empty() || name.size() > 2 || name == "C") return std::nullopt;
  CharSet category = OfCategory(name);
  if (category.empty()) return std::nullopt;
  return category;
}

CharSet WordCharacters() { return LettersMarksDigitsAndConnectors().Union(OfProperty(Property::kOtherWord)); }

CharSet PlainWordCharacters() {
  return LettersMarksDigitsAndConnectors().Union(OfProperty(Property::kOtherPlainWord));
}

CharSet Punctuation() {
  return OfCategory("P")
      .Intersection(OfProperty(Property::kNoPunctuation).Complement())
      .Union(OfProperty(Property::kOtherPunctuation));
}

const CharSet& WhiteSpace() {
  static const CharSet white_space = OfProperty(Property::kWhiteSpace);
  return white_space;
}

bool IsWhiteSpace(uint32_t code_point) {
  static const std::array<bool, kDirect> table = DirectWhiteSpace();
  return code_point < kDirect ? table[code_point] : WhiteSpace().Contains(code_point);
}

}  // namespace mmoe
