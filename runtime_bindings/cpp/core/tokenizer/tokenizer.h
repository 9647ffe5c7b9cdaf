#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/tokenizer/added_tokens.h"
#include "core/tokenizer/bpe_model.h"
#include "core/tokenizer/merge_table.h"
#include "core/tokenizer/normalizer.h"
#include "core/tokenizer/pre_tokenizer.h"
#include "core/tokenizer/token_decoder.h"

namespace mmoe {

// A byte-pair encoding as Hugging Face's tokenizer.json describes it, with the same ids and the same text as
// their `tokenizers` library. Immutable, so threads may share it.
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

  // For ids that come one by one: decoder's Push(TokenText(id)) for each that has a token, then Flush().
  DecodeStream NewStream() const { return DecodeStream(decoder_); }
  // What a DecodeStream takes. A special token's is its name.
  std::string_view TokenText(int32_t id) const;
  // The bytes that a token adds to a text, as the first one of it or as a later one.
  std::string TokenBytes(int32_t id, bool first) const { return decoder_.Bytes(TokenText(id), first); }
  bool writes_first_differently() const { return decoder_.writes_first_differently(); }
  bool HasToken(int32_t id) const;
  bool IsSpecial(int32_t id) const;
  // One more than the largest id.
  int32_t vocab_size() const { return static_cast<int32_t>(tokens_.size()); }

 private:
  friend class TokenizerReader;

  struct Token {
    std::string text;  // as the decoder has prepared it
    bool exists = false;
    bool special = false;
  };

  void EncodeRaw(std::string_view text, bool at_start, bool specials, std::vector<int32_t>* ids) const;
  void EncodeNormalized(std::string_view text, bool at_start, bool specials, std::vector<int32_t>* ids) const;

  std::vector<Token> tokens_;
  // Looked for in two passes, as the library does it: tokens of the raw text, then those of the normalised
  // text.
  AddedTokens raw_added_;
  AddedTokens normalized_added_;
  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  BpeModel model_;
  TokenDecoder decoder_;
  std::vector<int32_t> prefix_;
  std::vector<int32_t> suffix_;
};

}  // namespace mmoe
