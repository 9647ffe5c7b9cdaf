#include "core/tokenizer/tokenizer.h"

#include "core/text/utf8.h"
#include "core/tokenizer/merge_word.h"
#include "core/tokenizer/pretokenize.h"

namespace mmoe {

void Tokenizer::Encode(std::string_view text, bool add_bos, bool parse_special,
                       std::vector<int32_t>* ids) const {
  std::string valid;
  if (FindInvalidUtf8(text) != text.size()) {
    AppendLossyUtf8(text, &valid);
    text = valid;
  }
  if (add_bos) ids->insert(ids->end(), prefix_.begin(), prefix_.end());
  EncodePass(text, parse_special ? added_ : added_but_special_, 0, ids);
  if (add_bos) ids->insert(ids->end(), suffix_.begin(), suffix_.end());
}

void Tokenizer::EncodePass(std::string_view text, const Passes& added, size_t pass,
                           std::vector<int32_t>* ids) const {
  if (pass == added.size()) return EncodeWords(text, ids);
  for (size_t at = 0; at < text.size();) {
    const AddedTokens::Match match = added[pass].Find(text, at);
    EncodePass(text.substr(at, match.begin - at), added, pass + 1, ids);
    if (match.begin < text.size()) ids->push_back(match.id);
    at = match.end;
  }
}

AddedTokens::Match Tokenizer::FindAdded(std::string_view text, size_t from) const {
  const AddedTokens::Match first = added_[0].Find(text, from);
  const AddedTokens::Match second = added_[1].Find(text.substr(0, first.begin), from);
  return second.id >= 0 ? second : first;
}

void Tokenizer::EncodeWords(std::string_view text, std::vector<int32_t>* ids) const {
  std::vector<int32_t> word;
  for (size_t at = 0; at < text.size();) {
    const size_t end = NextWord(text, at);
    const std::string_view bytes = text.substr(at, end - at);
    at = end;
    if (!words_.empty()) {
      const auto whole = words_.find(bytes);
      if (whole != words_.end()) {
        ids->push_back(whole->second);
        continue;
      }
    }
    word.clear();
    for (const char byte : bytes) word.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
    MergeWord(merges_, &word);
    ids->insert(ids->end(), word.begin(), word.end());
  }
}

void Tokenizer::Decode(const int32_t* ids, size_t count, bool skip_special, std::string* text) const {
  std::string bytes;
  for (size_t index = 0; index < count; ++index) {
    if (!(skip_special && IsSpecial(ids[index]))) bytes += TokenBytes(ids[index]);
  }
  AppendLossyUtf8(bytes, text);
}

std::string_view Tokenizer::TokenBytes(int32_t id) const {
  return id >= 0 && id < vocab_size() ? std::string_view(tokens_[static_cast<size_t>(id)].bytes)
                                      : std::string_view();
}

bool Tokenizer::IsSpecial(int32_t id) const {
  return id >= 0 && id < vocab_size() && tokens_[static_cast<size_t>(id)].special;
}

}  // namespace mmoe
