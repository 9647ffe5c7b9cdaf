#include "core/grammar/token_trie.h"

#include <algorithm>

namespace mmoe::grammar {

namespace {

// Longer tokens, which no vocabulary that we know of has, are left out: a text can be made without them.
constexpr size_t kMaxTokenBytes = 4096;

}  // namespace

TokenTrie::TokenTrie(std::vector<std::pair<std::string, int32_t>> tokens, int32_t vocab_size)
    : same_(static_cast<size_t>(vocab_size), -1), bytes_(static_cast<size_t>(vocab_size)) {
  std::sort(tokens.begin(), tokens.end());
  std::vector<uint32_t> open;  // the nodes from the root to the token before
  const auto close = [&](size_t depth) {
    for (; open.size() > depth; open.pop_back()) end_[open.back()] = size();
  };
  for (auto& [text, id] : tokens) {
    if (text.size() > kMaxTokenBytes) continue;
    if (text.empty()) {
      empty_tokens_.push_back(id);
      continue;
    }
    size_t shared = 0;
    while (shared < open.size() && shared < text.size() &&
           byte_[open[shared]] == static_cast<uint8_t>(text[shared])) {
      ++shared;
    }
    close(shared);
    for (size_t at = shared; at < text.size(); ++at) {
      parent_.push_back(open.empty() ? kNone : open.back());
      open.push_back(size());
      byte_.push_back(static_cast<uint8_t>(text[at]));
      end_.push_back(0);
      depth_.push_back(static_cast<uint16_t>(at + 1));
      first_.push_back(-1);
    }
    same_[static_cast<size_t>(id)] = first_[open.back()];
    first_[open.back()] = id;
    max_depth_ = std::max(max_depth_, static_cast<uint32_t>(text.size()));
    bytes_[static_cast<size_t>(id)] = std::move(text);
  }
  close(0);
}

std::optional<std::string_view> TokenTrie::Bytes(int32_t token) const {
  if (token < 0 || token >= vocab_size()) return std::nullopt;
  const std::string_view bytes = bytes_[static_cast<size_t>(token)];
  const bool is_empty_token =
      std::find(empty_tokens_.begin(), empty_tokens_.end(), token) != empty_tokens_.end();
  if (bytes.empty() && !is_empty_token) return std::nullopt;
  return bytes;
}

}  // namespace mmoe::grammar
