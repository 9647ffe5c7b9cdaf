#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mmoe {

// Tokens that are looked for in the text itself, before it is split into words: the leftmost first, of those
// that begin together the longest.
class AddedTokens {
 public:
  struct Match {
    size_t begin;  // text.size() when there is none
    size_t end;
    int32_t id;
  };

  void Add(std::string text, int32_t id);
  Match Find(std::string_view text, size_t from) const;

 private:
  std::unordered_map<std::string, int32_t> ids_;
  std::vector<size_t> lengths_;  // descending
  std::array<bool, 256> begins_{};
};

}  // namespace mmoe
