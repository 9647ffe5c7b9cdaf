#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/grammar/vocabulary_grammar.h"
#include "core/mmoe.h"
#include "core/tokenizer/tokenizer.h"

namespace mmoe::grammar {

// The grammar that a text of a kind describes. Throws CoreError: MMOE_INVALID_ARGUMENT if it describes none,
// MMOE_UNSUPPORTED if it asks for what there is not, MMOE_OUT_OF_RESOURCES if it is too large.
Automaton Compile(int32_t kind, std::string_view text);

// The grammars of a model, each compiled once while it is among those used last. Threads may share it.
class Grammars {
 public:
  // `tokenizer` outlives it.
  Grammars(const Tokenizer& tokenizer, std::vector<int32_t> stop_ids)
      : tokenizer_(tokenizer), stop_ids_(std::move(stop_ids)) {}

  // Throws as Compile does.
  std::shared_ptr<const VocabularyGrammar> Get(int32_t kind, std::string_view text);

 private:
  std::shared_ptr<const VocabularyGrammar> Find(int32_t kind, std::string_view text);

  const Tokenizer& tokenizer_;
  const std::vector<int32_t> stop_ids_;
  std::mutex mutex_;
  std::shared_ptr<const Vocabulary> vocabulary_;                  // made with the first grammar
  std::list<std::shared_ptr<const VocabularyGrammar>> grammars_;  // used last first
};

}  // namespace mmoe::grammar
