#include "core/grammar/vocabulary.h"

#include <algorithm>
#include <string>
#include <utility>

namespace mmoe::grammar {

namespace {

TokenTrie TrieOf(const Tokenizer& tokenizer, const std::vector<int32_t>& stop_ids, bool first) {
  std::vector<std::pair<std::string, int32_t>> tokens;
  tokens.reserve(static_cast<size_t>(tokenizer.vocab_size()));
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.HasToken(id) || tokenizer.IsSpecial(id)) continue;
    if (std::find(stop_ids.begin(), stop_ids.end(), id) != stop_ids.end()) continue;
    std::string bytes = tokenizer.TokenBytes(id, first);
    // At the beginning a lone space adds nothing and leads to tokens with one; elsewhere it would never end.
    if (first || !bytes.empty()) tokens.emplace_back(std::move(bytes), id);
  }
  return TokenTrie(std::move(tokens), tokenizer.vocab_size());
}

}  // namespace

Vocabulary::Vocabulary(const Tokenizer& tokenizer, const std::vector<int32_t>& stop_ids)
    : later_(TrieOf(tokenizer, stop_ids, false)) {
  if (tokenizer.writes_first_differently()) {
    first_ = std::make_unique<const TokenTrie>(TrieOf(tokenizer, stop_ids, true));
  }
}

}  // namespace mmoe::grammar
