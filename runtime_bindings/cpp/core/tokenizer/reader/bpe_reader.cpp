#include "core/tokenizer/reader/bpe_reader.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <unordered_set>

#include "core/text/utf8.h"
#include "core/tokenizer/byte_alphabet.h"

namespace mmoe {

namespace {

std::string FallbackToken(unsigned byte) {
  char text[7];
  std::snprintf(text, sizeof(text), "<0x%02X>", byte);
  return text;
}

std::string FirstCharacter(const std::string& text) { return text.substr(0, ReadValidUtf8(text, 0).bytes); }

std::string LastCharacter(const std::string& text) {
  size_t begin = text.size() - 1;
  while ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return text.substr(begin);
}

}  // namespace

BpeReader::BpeReader(const TokenizerFile& file, bool byte_level, BpeModel* model)
    : file_(file), model_(*model) {
  model_.byte_level_ = byte_level;
}

void BpeReader::Read(const Json& model) {
  CheckOptions(model);
  ReadVocabulary(model.Get("vocab"));
  ReadSymbols();
  ReadUnknown(model);
  ReadMerges(model.Get("merges"));
  if (TokenizerFile::Flag(model, "ignore_merges", false)) ReadWords();
}

void BpeReader::CheckOptions(const Json& model) const {
  // Files of old versions do not say it; only BPE has merges.
  const std::optional<Json> type = model.Find("type");
  if (type && type->String() != "BPE") file_.Unsupported("has a model of type " + type->String());
  if (!type && !model.Find("merges")) file_.Unsupported("has a model without merges");
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const std::optional<Json> text = model.Find(affix);
    if (text && !text->String().empty()) file_.Unsupported(std::string("has the option ") + affix);
  }
  if (const std::optional<Json> dropout = model.Find("dropout"); dropout && dropout->Number() != 0) {
    file_.Unsupported("has dropout");
  }
}

void BpeReader::ReadVocabulary(const Json& vocab) {
  ids_.reserve(vocab.size());
  std::unordered_set<int64_t> used;
  used.reserve(vocab.size());
  for (Json entry = vocab.First(); entry.valid(); entry = entry.Next()) {
    const int64_t id = entry.Integer();
    if (id < 0 || id >= kMaxVocabulary) file_.Corrupt("model.vocab has the token id " + std::to_string(id));
    if (!used.insert(id).second)
      file_.Corrupt("model.vocab has the token id " + std::to_string(id) + " twice");
    const std::string token = entry.Name();
    if (!ids_.emplace(token, static_cast<int32_t>(id)).second) {
      file_.Corrupt("model.vocab has the token \"" + token + "\" twice");
    }
  }
}

void BpeReader::ReadSymbols() {
  model_.byte_ids_.fill(BpeModel::kNone);
  if (model_.byte_level_) {
    for (size_t byte = 0; byte < 256; ++byte) {
      model_.byte_ids_[byte] = Find(AlphabetCharacter(static_cast<unsigned char>(byte)));
    }
    return;
  }
  for (const auto& [text, id] : ids_) {
    if (text.empty()) continue;
    const CodePoint code_point = ReadValidUtf8(text, 0);
    if (code_point.bytes != text.size()) continue;
    if (code_point.value < 0x80) {
      model_.byte_ids_[code_point.value] = id;
    } else {
      model_.character_ids_[code_point.value] = id;
    }
  }
}

void BpeReader::ReadUnknown(const Json& model) {
  model_.fallback_ids_.fill(BpeModel::kNone);
  if (TokenizerFile::Flag(model, "byte_fallback", false)) {
    for (unsigned byte = 0; byte < 256; ++byte) model_.fallback_ids_[byte] = Find(FallbackToken(byte));
  }
  model_.fuse_unknown_ = TokenizerFile::Flag(model, "fuse_unk", false);
  if (const std::optional<Json> unknown = model.Find("unk_token")) {
    model_.unknown_id_ = Find(unknown->String());
    if (model_.unknown_id_ == BpeModel::kNone) {
      file_.Corrupt("model.unk_token is \"" + unknown->String() + "\", which model.vocab lacks");
    }
  }
}

int32_t BpeReader::Find(const std::string& token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? BpeModel::kNone : found->second;
}

int32_t BpeReader::Known(const std::string& token) const {
  const int32_t id = Find(token);
  if (id == BpeModel::kNone) {
    file_.Corrupt("model.merges speaks of \"" + token + "\", which model.vocab lacks");
  }
  return id;
}

void BpeReader::ReadMerges(const Json& merges) {
  model_.merges_ = MergeTable(merges.size());
  int32_t rank = 0;
  for (Json merge = merges.First(); merge.valid(); merge = merge.Next()) {
    if (merge.type() == Json::Type::kString && merge.String().rfind("#version", 0) == 0) continue;
    const auto [left, right] = Pair(merge);
    if (left.empty() || right.empty()) file_.Corrupt("model.merges has an entry with an empty half");
    const int32_t left_id = Known(left);
    const int32_t right_id = Known(right);
    model_.merges_.Insert(left_id, right_id, {rank++, Known(left + right)});
    if (StandsForOther(left, left_id) || StandsForOther(right, right_id)) {
      model_.seams_.set();  // every seam is possible
    } else {
      AddSeam(Find(LastCharacter(left)), Find(FirstCharacter(right)));
    }
  }
}

// ["a", "b"], or "a b" in older files.
std::pair<std::string, std::string> BpeReader::Pair(const Json& merge) const {
  if (merge.type() == Json::Type::kArray) {
    if (merge.size() != 2) file_.Corrupt("model.merges has an entry that is no pair");
    const Json left = merge.First();
    return {left.String(), left.Next().String()};
  }
  const std::string both = merge.String();
  const size_t space = both.find(' ');
  if (space == std::string::npos || both.find(' ', space + 1) != std::string::npos) {
    file_.Corrupt("model.merges has an entry that is no pair");
  }
  return {both.substr(0, space), both.substr(space + 1)};
}

// A token's text begins with that of its first symbol, unless it is one that stands for another text.
bool BpeReader::StandsForOther(const std::string& token, int32_t id) const {
  const auto& fallback = model_.fallback_ids_;
  return id == model_.unknown_id_ ||
         (token[0] == '<' && std::find(fallback.begin(), fallback.end(), id) != fallback.end());
}

void BpeReader::AddSeam(int32_t before, int32_t behind) {
  if (before == BpeModel::kNone || behind == BpeModel::kNone) return;  // no text has these symbols
  model_.seams_[BpeModel::SeamHash(before, behind)] = true;
}

void BpeReader::ReadWords() {
  model_.word_texts_.reserve(ids_.size());
  for (const auto& [text, id] : ids_) {
    if (!model_.byte_level_) {
      model_.word_texts_.push_back(text);
    } else if (std::optional<std::string> bytes = AlphabetToBytes(text)) {
      model_.word_texts_.push_back(*std::move(bytes));
    } else {
      continue;
    }
    model_.words_[model_.word_texts_.back()] = id;
  }
}

}  // namespace mmoe
