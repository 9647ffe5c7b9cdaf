#include "core/grammar/grammars.h"

#include <string>
#include <utility>

#include "core/error.h"
#include "core/grammar/gbnf.h"
#include "core/grammar/schema/schema.h"

namespace mmoe::grammar {

namespace {

constexpr size_t kKeptGrammars = 16;

}  // namespace

Automaton Compile(int32_t kind, std::string_view text) {
  if (kind == MMOE_GRAMMAR_JSON_SCHEMA) return Automaton(GrammarOfSchema(text));
  if (kind == MMOE_GRAMMAR_GBNF) return Automaton(ParseGbnf(text));
  throw CoreError(MMOE_INVALID_ARGUMENT, "there is no kind of grammar " + std::to_string(kind));
}

std::shared_ptr<const VocabularyGrammar> Grammars::Get(int32_t kind, std::string_view text) {
  if (auto known = Find(kind, text)) return known;
  Automaton automaton = Compile(kind, text);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (vocabulary_ == nullptr) vocabulary_ = std::make_shared<const Vocabulary>(tokenizer_, stop_ids_);
  grammars_.push_front(std::make_shared<const VocabularyGrammar>(Source{kind, std::string(text)},
                                                                 std::move(automaton), vocabulary_));
  if (grammars_.size() > kKeptGrammars) grammars_.pop_back();
  return grammars_.front();
}

std::shared_ptr<const VocabularyGrammar> Grammars::Find(int32_t kind, std::string_view text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto grammar = grammars_.begin(); grammar != grammars_.end(); ++grammar) {
    const Source& source = (*grammar)->source();
    if (source.kind != kind || source.text != text) continue;
    grammars_.splice(grammars_.begin(), grammars_, grammar);
    return grammars_.front();
  }
  return nullptr;
}

}  // namespace mmoe::grammar
