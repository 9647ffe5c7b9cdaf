#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mmoe {

// The place in a regular expression that a parser has come to.
class RegexReader {
 public:
  // `pattern` is valid UTF-8 and outlives the reader.
  explicit RegexReader(std::string_view pattern) : pattern_(pattern) {}

  bool AtEnd() const { return at_ == pattern_.size(); }
  bool Sees(char c) const { return !AtEnd() && pattern_[at_] == c; }
  bool SeesAhead(std::string_view text) const { return pattern_.substr(at_, text.size()) == text; }
  bool Take(char c);
  bool TakeAhead(std::string_view text);
  // The character here, which Next() also passes. Both refuse the pattern when it ends here.
  uint32_t Peek() const;
  uint32_t Next();
  // At most `characters` from here, for messages.
  std::string Rest(size_t characters) const;

  // Throws CoreError(MMOE_UNSUPPORTED): "the pattern P, which has WHAT at byte N".
  [[noreturn]] void Unsupported(const std::string& what) const;

 private:
  std::string_view pattern_;
  size_t at_ = 0;
};

}  // namespace mmoe
