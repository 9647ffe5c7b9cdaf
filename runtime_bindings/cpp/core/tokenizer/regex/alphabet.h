#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/text/utf8.h"
#include "core/tokenizer/unicode/char_set.h"

namespace mmoe {

// The characters as a regular expression tells them apart: two are of one class when every set of the
// expression holds both or neither.
class Alphabet {
 public:
  // Throws CoreError(MMOE_UNSUPPORTED) if the sets make more than 255 classes.
  explicit Alphabet(const std::vector<CharSet>& sets);

  uint32_t size() const { return static_cast<uint32_t>(members_.size()); }
  bool Holds(int set, uint32_t char_class) const { return members_[char_class][static_cast<size_t>(set)]; }

  struct Symbol {
    uint32_t char_class;
    uint32_t bytes;
  };
  // Of the character at text[at]; the text is valid UTF-8.
  Symbol Read(std::string_view text, size_t at) const {
    const unsigned char lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) return {ascii_[lead], 1};
    const CodePoint code_point = ReadValidUtf8(text, at);
    const size_t page = pages_[code_point.value / kPage];
    return {classes_[page + code_point.value % kPage], code_point.bytes};
  }

 private:
  static constexpr uint32_t kPage = 256;

  std::vector<std::vector<bool>> members_;  // of each class, the sets that hold it
  std::array<uint8_t, 128> ascii_{};
  std::vector<uint32_t> pages_;  // where in classes_ the characters of a page are; equal pages share them
  std::vector<uint8_t> classes_;
};

}  // namespace mmoe
