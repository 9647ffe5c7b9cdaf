#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/grammar/configurations.h"
#include "core/grammar/token_set.h"
#include "core/grammar/token_trie.h"

namespace mmoe::grammar {

// What a thread allows whatever is open below its rule, and where the rest depends on that.
struct LocalMask {
  explicit LocalMask(int32_t vocab_size) : tokens(vocab_size) {}

  TokenSet tokens;
  std::vector<uint32_t> open;  // nodes of the trie, ascending, below which it depends
};

// The local masks of a grammar's threads, each made when it is first met. Walking a whole vocabulary takes milliseconds;
// the inside of a JSON string is the same in every string of a schema, so most steps need no walk at all. Shared by the
// threads of a process.
class LocalMasks {
 public:
  explicit LocalMasks(const TokenTrie& trie) : trie_(trie) {}

  std::shared_ptr<const LocalMask> Of(Thread thread, Configurations* configurations);

 private:
  using Key = std::vector<uint64_t>;

  std::shared_ptr<const LocalMask> Make(Thread thread, bool cut, Configurations* configurations) const;

  const TokenTrie& trie_;
  std::mutex mutex_;
  std::map<Key, std::shared_ptr<const LocalMask>> masks_;
};

}  // namespace mmoe::grammar
