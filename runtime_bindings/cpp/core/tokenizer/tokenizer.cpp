#include "core/tokenizer/tokenizer.h"

#include "core/text/utf8.h"
#include "core/tokenizer/merge_word.h"

namespace mmoe {

void Tokenizer::Encode(std::string_view text, bool add_bos, bool parse_special,
                       std::vector<int32_t>* ids) const {
  std::string valid;
  if (FindInvalidUtf8(text) != text.size()) {
    AppendLossyUtf8(text, &valid);
    text = valid;
  }
  if (add_bos) ids->insert(ids->end(), prefix_.begin(), prefix_.end());
  raw_added_.Cut(
      text, parse_special,
      [&](size_t begin, size_t end) {
        EncodeRaw(text.substr(begin, end - begin), begin == 0, parse_special, ids);
      },
      [&](int32_t id) { ids->push_back(id); });
  if (add_bos) ids->insert(ids->end(), suffix_.begin(), suffix_.end());
}

void Tokenizer::EncodeRaw(std::string_view text, bool at_start, bool specials,
                          std::vector<int32_t>* ids) const {
  if (normalizer_.empty()) return EncodeNormalized(text, at_start, specials, ids);
  bool cut = false;
  const std::string normalized = normalizer_.Apply(text, &cut);
  // To the library a text starts where the original does.
  EncodeNormalized(normalized, at_start && !cut, specials, ids);
}

void Tokenizer::EncodeNormalized(std::string_view text, bool at_start, bool specials,
                                 std::vector<int32_t>* ids) const {
  const PreTokenizer::Words encode_word = [&](std::string_view word) { model_.Encode(word, ids); };
  normalized_added_.Cut(
      text, specials,
      [&](size_t begin, size_t end) {
        pre_tokenizer_.Run(text.substr(begin, end - begin), at_start && begin == 0, encode_word);
      },
      [&](int32_t id) { ids->push_back(id); });
}

AddedTokens::Match Tokenizer::FindAdded(std::string_view text, size_t from) const {
  const AddedTokens::Match first = raw_added_.Find(text, from);
  const AddedTokens::Match second = normalized_added_.Find(text.substr(0, first.begin), from);
  return second.id >= 0 ? second : first;
}

void Tokenizer::Decode(const int32_t* ids, size_t count, bool skip_special, std::string* text) const {
  DecodeStream stream = NewStream();
  for (size_t index = 0; index < count; ++index) {
    if (HasToken(ids[index]) && !(skip_special && IsSpecial(ids[index]))) {
      *text += stream.Push(TokenText(ids[index]));
    }
  }
  *text += stream.Flush();
}

std::string_view Tokenizer::TokenText(int32_t id) const {
  return HasToken(id) ? std::string_view(tokens_[static_cast<size_t>(id)].text) : std::string_view();
}

bool Tokenizer::HasToken(int32_t id) const {
  return id >= 0 && id < vocab_size() && tokens_[static_cast<size_t>(id)].exists;
}

bool Tokenizer::IsSpecial(int32_t id) const {
  return HasToken(id) && tokens_[static_cast<size_t>(id)].special;
}

}  // namespace mmoe
