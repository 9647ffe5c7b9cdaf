#include "core/tokenizer/regex/alphabet.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/error.h"

namespace mmoe {

namespace {

// Where any set begins or has ended: between two of them all characters are of one class.
std::vector<uint32_t> Borders(const std::vector<CharSet>& sets) {
  std::vector<uint32_t> borders = {0, kLastCodePoint + 1};
  for (const CharSet& set : sets) {
    for (const CharRange& range : set.ranges()) {
      borders.push_back(range.first);
      borders.push_back(range.last + 1);
    }
  }
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  return borders;
}

}  // namespace

Alphabet::Alphabet(const std::vector<CharSet>& sets) {
  const std::vector<uint32_t> borders = Borders(sets);
  std::map<std::vector<bool>, uint8_t> known;
  std::vector<uint8_t> of_character(kLastCodePoint + 1);
  for (size_t index = 0; index + 1 < borders.size(); ++index) {
    std::vector<bool> members(sets.size());
    for (size_t set = 0; set < sets.size(); ++set) members[set] = sets[set].Contains(borders[index]);
    const auto [entry, is_new] = known.emplace(std::move(members), static_cast<uint8_t>(members_.size()));
    if (is_new) {
      if (members_.size() == 255) {
        throw CoreError(MMOE_UNSUPPORTED, "the pattern tells more than 255 kinds of characters apart");
      }
      members_.push_back(entry->first);
    }
    std::fill(of_character.begin() + borders[index], of_character.begin() + borders[index + 1],
              entry->second);
  }
  std::copy_n(of_character.begin(), ascii_.size(), ascii_.begin());
  std::map<std::vector<uint8_t>, uint32_t> known_pages;
  for (uint32_t first = 0; first <= kLastCodePoint; first += kPage) {
    std::vector<uint8_t> page(of_character.begin() + first, of_character.begin() + first + kPage);
    const auto [entry, is_new] = known_pages.emplace(std::move(page), static_cast<uint32_t>(classes_.size()));
    if (is_new) classes_.insert(classes_.end(), entry->first.begin(), entry->first.end());
    pages_.push_back(entry->second);
  }
}

}  // namespace mmoe
