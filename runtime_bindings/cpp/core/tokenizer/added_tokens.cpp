#include "core/tokenizer/added_tokens.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace mmoe {

void AddedTokens::Add(std::string text, int32_t id) {
  if (text.empty()) return;
  begins_[static_cast<unsigned char>(text[0])] = true;
  const auto place = std::lower_bound(lengths_.begin(), lengths_.end(), text.size(), std::greater<>());
  if (place == lengths_.end() || *place != text.size()) lengths_.insert(place, text.size());
  ids_[std::move(text)] = id;
}

AddedTokens::Match AddedTokens::Find(std::string_view text, size_t from) const {
  for (size_t at = from; at < text.size(); ++at) {
    if (!begins_[static_cast<unsigned char>(text[at])]) continue;
    for (const size_t length : lengths_) {
      if (length > text.size() - at) continue;
      const auto found = ids_.find(std::string(text.substr(at, length)));
      if (found != ids_.end()) return {at, at + length, found->second};
    }
  }
  return {text.size(), text.size(), -1};
}

}  // namespace mmoe
