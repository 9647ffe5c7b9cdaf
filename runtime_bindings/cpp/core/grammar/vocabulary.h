#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/grammar/token_trie.h"
#include "core/tokenizer/tokenizer.h"

namespace mmoe::grammar {

// What a text within a grammar is made of: a tokenizer's tokens but for the special ones and those that end a text.
class Vocabulary {
 public:
  Vocabulary(const Tokenizer& tokenizer, const std::vector<int32_t>& stop_ids);

  // The first token of a text, which some tokenizers write without the space that it has elsewhere.
  const TokenTrie& first() const { return first_ ? *first_ : later_; }
  const TokenTrie& later() const { return later_; }
  bool alike() const { return first_ == nullptr; }

 private:
  TokenTrie later_;
  std::unique_ptr<const TokenTrie> first_;
};

}  // namespace mmoe::grammar
