#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mmoe::grammar {

// Tokens of a vocabulary, a bit for each.
class TokenSet {
 public:
  explicit TokenSet(int32_t vocab_size) : words_((static_cast<size_t>(vocab_size) + 63) / 64) {}

  void Add(int32_t id) { words_[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64); }
  void AddAll(const TokenSet& other) {
    for (size_t word = 0; word < words_.size(); ++word) words_[word] |= other.words_[word];
  }

  template <typename OnToken>
  void ForEach(const OnToken& on_token) const {
    for (size_t word = 0; word < words_.size(); ++word) {
      for (uint64_t bits = words_[word]; bits != 0; bits &= bits - 1) {
        on_token(static_cast<int32_t>(64 * word) + LowestBit(bits));
      }
    }
  }
  // The only token of the set; -1 if there are none or several.
  int32_t Only() const;
  bool empty() const;

 private:
  static int32_t LowestBit(uint64_t bits) { return __builtin_ctzll(bits); }

  std::vector<uint64_t> words_;
};

}  // namespace mmoe::grammar
