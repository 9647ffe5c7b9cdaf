#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmoe::grammar {

// The tokens of a vocabulary by their bytes, as a tree whose nodes lie in the order of a walk from left to right: a
// node's descendants are the ones behind it until its `end`.
class TokenTrie {
 public:
  // Tokens that a text may be made of, with what they add to it. Several may have the same bytes, or none.
  TokenTrie(std::vector<std::pair<std::string, int32_t>> tokens, int32_t vocab_size);

  uint32_t size() const { return static_cast<uint32_t>(byte_.size()); }
  uint8_t byte(uint32_t node) const { return byte_[node]; }
  uint32_t end(uint32_t node) const { return end_[node]; }
  uint32_t depth(uint32_t node) const { return depth_[node]; }  // bytes from the root to it
  uint32_t max_depth() const { return max_depth_; }
  // What node's parent is; kNone for those of the first byte.
  uint32_t parent(uint32_t node) const { return parent_[node]; }
  static constexpr uint32_t kNone = UINT32_MAX;

  // Calls on_token(id) for the tokens that end at a node.
  template <typename OnToken>
  void TokensAt(uint32_t node, const OnToken& on_token) const {
    for (int32_t token = first_[node]; token >= 0; token = same_[static_cast<size_t>(token)]) on_token(token);
  }
  // What a token adds to a text; none for those that no text is made of.
  std::optional<std::string_view> Bytes(int32_t token) const;
  // Those that add nothing.
  const std::vector<int32_t>& empty_tokens() const { return empty_tokens_; }
  int32_t vocab_size() const { return static_cast<int32_t>(bytes_.size()); }

 private:
  std::vector<uint8_t> byte_;
  std::vector<uint32_t> end_;
  std::vector<uint16_t> depth_;
  std::vector<uint32_t> parent_;
  std::vector<int32_t> first_;      // a token that ends here, or -1
  std::vector<int32_t> same_;       // by token: another one with the same bytes, or -1
  std::vector<std::string> bytes_;  // by token; empty, too, for those that no text is made of
  std::vector<int32_t> empty_tokens_;
  uint32_t max_depth_ = 0;
};

}  // namespace mmoe::grammar
