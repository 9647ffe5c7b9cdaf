#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/tokenizer/merge_table.h"

namespace mmoe {

// Byte-pair encoding of words: symbols, which merge. A symbol is a byte (in byte-level vocabularies) or a
// character. Immutable once it is read, so threads may share it.
class BpeModel {
 public:
  // Appends the ids of a word, which is valid UTF-8 unless the model is byte-level.
  void Encode(std::string_view word, std::vector<int32_t>* ids) const;

 private:
  friend class BpeReader;
  static constexpr int32_t kNone = -1;

  void AppendSymbols(std::string_view word, std::vector<int32_t>* ids) const;
  bool AppendFallback(std::string_view symbol, std::vector<int32_t>* ids) const;
  void MergeFrom(size_t begin, std::vector<int32_t>* ids) const;

  bool byte_level_ = false;
  std::array<int32_t, 256> byte_ids_{};                  // of bytes, or of ASCII characters
  std::unordered_map<uint32_t, int32_t> character_ids_;  // of the other characters
  std::array<int32_t, 256> fallback_ids_{};  // of <0x00> to <0xFF>; all kNone without byte_fallback
  int32_t unknown_id_ = kNone;               // for symbols without an id, which else are dropped
  bool fuse_unknown_ = false;                // one for a run of them
  MergeTable merges_{0};
  // Words that skip the merges because they are a token (ignore_merges), as views of word_texts_.
  std::unordered_map<std::string_view, int32_t> words_;
  std::vector<std::string> word_texts_;

  // Hashes of the pairs of symbols that some merge has at its seam. Between any other pair a long word can be
  // cut, because no token will ever lie across it.
  static constexpr size_t kSeamBits = 1 << 20;
  static size_t SeamHash(int32_t left, int32_t right);
  std::bitset<kSeamBits> seams_;
};

}  // namespace mmoe
