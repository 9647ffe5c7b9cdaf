#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/tokenizer/added_tokens.h"
#include "core/tokenizer/merge_table.h"

namespace mmoe {

// The family's tokenizer: byte-level BPE as Hugging Face's tokenizer.json describes it, with the same ids and
// the same text as their `tokenizers` library. Immutable, so threads may share it.
class Tokenizer {
 public:
  // `json` is the text of a tokenizer.json; `where` names it in messages. Throws CoreError: MMOE_CORRUPT for
  // a file that is none, MMOE_UNSUPPORTED for one that asks for something else (the message names what).
  Tokenizer(std::string_view json, const std::string& where);
  Tokenizer(const Tokenizer&) = delete;

  // Appends the ids of `text`; bytes that are no UTF-8 count as U+FFFD. `add_bos` puts what the tokenizer's
  // own post-processor adds around them. Without `parse_special` the text of special tokens is text like any other.
  void Encode(std::string_view text, bool add_bos, bool parse_special, std::vector<int32_t>* ids) const;

  // The first added token (special or not) of text[from..).
  AddedTokens::Match FindAdded(std::string_view text, size_t from) const;

  // Appends the text of ids; broken characters become U+FFFD, ids without a token nothing.
  void Decode(const int32_t* ids, size_t count, bool skip_special, std::string* text) const;

  // The bytes that an id stands for; none for an id without a token. A special token's are its name.
  std::string_view TokenBytes(int32_t id) const;
  bool IsSpecial(int32_t id) const;
  // One more than the largest id.
  int32_t vocab_size() const { return static_cast<int32_t>(tokens_.size()); }

 private:
  friend class TokenizerReader;

  struct Token {
    std::string bytes;
    bool special = false;
  };
  // Looked for in two passes, as the library does it: tokens of the raw text, then those of the normalised
  // text, which here is the same.
  using Passes = std::array<AddedTokens, 2>;

  void EncodePass(std::string_view text, const Passes& added, size_t pass, std::vector<int32_t>* ids) const;
  void EncodeWords(std::string_view text, std::vector<int32_t>* ids) const;

  std::vector<Token> tokens_;
  std::array<int32_t, 256> byte_ids_{};
  MergeTable merges_{0};
  // By bytes, into tokens_; only for tokenizers whose words skip the merges when they are a token
  // (ignore_merges).
  std::unordered_map<std::string_view, int32_t> words_;
  Passes added_;
  Passes added_but_special_;
  std::vector<int32_t> prefix_;
  std::vector<int32_t> suffix_;
};

}  // namespace mmoe
