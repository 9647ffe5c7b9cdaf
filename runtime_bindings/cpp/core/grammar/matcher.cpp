#include "core/grammar/matcher.h"

#include <algorithm>
#include <utility>

namespace mmoe::grammar {

namespace {

constexpr size_t kKeptMasks = 64;

}  // namespace

Matcher::Matcher(std::shared_ptr<const VocabularyGrammar> grammar, bool at_start)
    : grammar_(std::move(grammar)),
      configurations_(grammar_->automaton()),
      now_(configurations_.Start()),
      began_at_start_(at_start),
      at_start_(at_start) {}

void Matcher::BeginStep() {
  if (configurations_.IsLarge()) {
    now_ = configurations_.Keep(now_);
    masks_.clear();
  }
  configurations_.BeginStep();
}

const TokenSet& Matcher::Allowed() {
  BeginStep();
  for (size_t index = 0; index < masks_.size(); ++index) {
    if (masks_[index].of == now_) {
      std::rotate(masks_.begin(), masks_.begin() + static_cast<ptrdiff_t>(index),
                  masks_.begin() + static_cast<ptrdiff_t>(index) + 1);
      return masks_[0].tokens;
    }
  }
  Mask mask(grammar_->trie(at_start_).vocab_size());
  Collect(&mask.tokens);
  for (const int32_t token : grammar_->trie(at_start_).empty_tokens()) mask.tokens.Add(token);
  mask.of = now_;
  if (masks_.size() == kKeptMasks) masks_.pop_back();
  masks_.insert(masks_.begin(), std::move(mask));
  return masks_[0].tokens;
}

void Matcher::Collect(TokenSet* allowed) {
  const TokenTrie& trie = grammar_->trie(at_start_);
  open_.clear();
  // A copy: local masks make configurations.
  const std::vector<Thread> threads = configurations_.threads(now_);
  for (const Thread& thread : threads) {
    const auto local = grammar_->masks(at_start_).Of(thread, &configurations_);
    allowed->AddAll(local->tokens);
    open_.insert(open_.end(), local->open.begin(), local->open.end());
  }
  std::sort(open_.begin(), open_.end());
  // The nodes from the root to the one that was looked at last, and what their bytes lead to.
  std::vector<uint32_t> node_at(trie.max_depth() + 1, TokenTrie::kNone);
  std::vector<ConfigurationId> at_depth(trie.max_depth() + 1);
  at_depth[0] = now_;
  std::vector<uint32_t> path;
  uint32_t done = 0;  // nodes before it have been looked at
  for (const uint32_t root : open_) {
    if (root + 1 <= done) continue;
    path.clear();
    for (uint32_t node = root; node != TokenTrie::kNone && node_at[trie.depth(node)] != node;) {
      path.push_back(node);
      node = trie.parent(node);
    }
    for (auto node = path.rbegin(); node != path.rend(); ++node) {
      const uint32_t depth = trie.depth(*node);
      node_at[depth] = *node;
      at_depth[depth] = configurations_.Next(at_depth[depth - 1], trie.byte(*node));
    }
    const uint32_t end = trie.end(root);
    for (uint32_t node = root + 1; node < end;) {
      const uint32_t depth = trie.depth(node);
      const ConfigurationId reached = configurations_.Next(at_depth[depth - 1], trie.byte(node));
      if (reached == Configurations::kDead) {
        node = trie.end(node);
        continue;
      }
      node_at[depth] = node;
      at_depth[depth] = reached;
      trie.TokensAt(node, [&](int32_t token) { allowed->Add(token); });
      ++node;
    }
    done = end;
  }
}

bool Matcher::Push(int32_t id) {
  const std::optional<std::string_view> bytes = grammar_->trie(at_start_).Bytes(id);
  if (!bytes) return false;
  BeginStep();
  ConfigurationId reached = now_;
  for (const char byte : *bytes) reached = configurations_.Next(reached, static_cast<uint8_t>(byte));
  if (reached == Configurations::kDead) return false;
  now_ = reached;
  pushed_.push_back(id);
  if (std::exchange(at_start_, false)) masks_.clear();
  return true;
}

}  // namespace mmoe::grammar
