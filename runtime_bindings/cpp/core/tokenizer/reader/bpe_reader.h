#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/json.h"
#include "core/tokenizer/bpe_model.h"
#include "core/tokenizer/reader/tokenizer_file.h"

namespace mmoe {

// Reads the "model" of a tokenizer.json. Throws CoreError for what it does not know.
class BpeReader {
 public:
  // Ids beyond this are no vocabulary but a broken file, which must not cost memory.
  static constexpr int64_t kMaxVocabulary = 1 << 24;

  BpeReader(const TokenizerFile& file, bool byte_level, BpeModel* model);

  void Read(const Json& model);
  // By the texts in the file.
  const std::unordered_map<std::string, int32_t>& ids() const { return ids_; }

 private:
  void CheckOptions(const Json& model) const;
  void ReadVocabulary(const Json& vocab);
  void ReadSymbols();
  void ReadUnknown(const Json& model);
  void ReadMerges(const Json& merges);
  std::pair<std::string, std::string> Pair(const Json& merge) const;
  bool StandsForOther(const std::string& token, int32_t id) const;
  void AddSeam(int32_t before, int32_t behind);
  void ReadWords();
  int32_t Known(const std::string& token) const;
  int32_t Find(const std::string& token) const;

  const TokenizerFile& file_;
  BpeModel& model_;
  std::unordered_map<std::string, int32_t> ids_;
};

}  // namespace mmoe
