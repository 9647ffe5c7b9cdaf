#include "core/tokenizer/bpe_model.h"

#include "core/text/utf8.h"
#include "core/tokenizer/byte_alphabet.h"
#include "core/tokenizer/merge_word.h"

namespace mmoe {

namespace {

// Shorter words are merged as they are.
constexpr size_t kLongWord = 24;

}  // namespace

size_t BpeModel::SeamHash(int32_t left, int32_t right) {
  const uint64_t key =
      static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  return static_cast<size_t>((key * 0x9E3779B97F4A7C15u) >> 44);  // the upper 20 bits, the well mixed ones
}

void BpeModel::Encode(std::string_view word, std::vector<int32_t>* ids) const {
  if (!words_.empty()) {
    const auto whole = words_.find(word);
    if (whole != words_.end()) {
      ids->push_back(whole->second);
      return;
    }
  }
  const size_t begin = ids->size();
  AppendSymbols(word, ids);
  MergeFrom(begin, ids);
}

void BpeModel::MergeFrom(size_t begin, std::vector<int32_t>* ids) const {
  int32_t* data = ids->data();
  const size_t end = ids->size();
  if (end - begin <= kLongWord) {
    ids->resize(begin + MergeWord(merges_, data + begin, end - begin));
    return;
  }
  size_t kept = begin;
  for (size_t from = begin; from < end;) {
    size_t to = from + 1;
    while (to < end && seams_[SeamHash(data[to - 1], data[to])]) ++to;
    const size_t merged = MergeWord(merges_, data + from, to - from);
    for (size_t index = 0; index < merged; ++index) data[kept++] = data[from + index];
    from = to;
  }
  ids->resize(kept);
}

void BpeModel::AppendSymbols(std::string_view word, std::vector<int32_t>* ids) const {
  bool unknown_waits = false;
  for (size_t at = 0; at < word.size();) {
    const auto byte = static_cast<unsigned char>(word[at]);
    size_t bytes = 1;
    int32_t id;
    if (byte_level_ || byte < 0x80) {
      id = byte_ids_[byte];
    } else {
      const CodePoint code_point = ReadValidUtf8(word, at);
      const auto found = character_ids_.find(code_point.value);
      id = found == character_ids_.end() ? kNone : found->second;
      bytes = code_point.bytes;
    }
    if (id != kNone) {
      if (unknown_waits) ids->push_back(unknown_id_);
      unknown_waits = false;
      ids->push_back(id);
    } else if (!AppendFallback(byte_level_ ? AlphabetCharacter(byte) : word.substr(at, bytes), ids) &&
               unknown_id_ != kNone) {
      // As in the library, bytes of a fallback may overtake an unknown symbol that waits for more of its
      // kind.
      if (unknown_waits && !fuse_unknown_) ids->push_back(unknown_id_);
      unknown_waits = true;
    }
    at += bytes;
  }
  if (unknown_waits) ids->push_back(unknown_id_);
}

// All bytes of a symbol, or none of them.
bool BpeModel::AppendFallback(std::string_view symbol, std::vector<int32_t>* ids) const {
  for (const char byte : symbol) {
    if (fallback_ids_[static_cast<unsigned char>(byte)] == kNone) return false;
  }
  for (const char byte : symbol) ids->push_back(fallback_ids_[static_cast<unsigned char>(byte)]);
  return true;
}

}  // namespace mmoe
