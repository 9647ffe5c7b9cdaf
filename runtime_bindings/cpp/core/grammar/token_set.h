#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mmoe::grammar {

// Tokens of a vocabulary, a bit for each.
class TokenSet {
 public:
  explicit TokenSet(int32_t vocab_size) : words_((static_cast<size_t>(vocab_size) + 63) / 64) {}

  void Clear() { words_.assign(words_.size(), 0); }
  void Add(int32_t id) { words_[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64); }
  bool Has(int32_t id) const { return (words_[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0; }
  void AddAll(const TokenSet& other) {
    for (size_t word = 0; word < words_.size(); ++word) words_[word] |= other.words_[word];
  }
  const std::vector<uint64_t>& words() const { return words_; }

  template <typename OnToken>
  void ForEach(const OnToken& on_token) const {
    for (size_t word = 0; word < words_.size(); ++word) {
      auto id = static_cast<int32_t>(64 * word);
      for (uint64_t bits = words_[word]; bits != 0; bits >>= 1, ++id) {
        if ((bits & 1) != 0) on_token(id);
      }
    }
  }
  // The only token of the set; -1 if there are none or several.
  int32_t Only() const;
  bool empty() const;

 private:
  std::vector<uint64_t> words_;
};

}  // namespace mmoe::grammar
