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
  auto grammar = std::make_shared<const VocabularyGrammar>(std::move(automaton), vocabulary_);
  entries_.push_front({kind, std::string(text), grammar});
  if (entries_.size() > kKeptGrammars) entries_.pop_back();
  return grammar;
}

std::shared_ptr<const VocabularyGrammar> Grammars::Find(int32_t kind, std::string_view text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->kind != kind || entry->text != text) continue;
    entries_.splice(entries_.begin(), entries_, entry);
    return entry->grammar;
  }
  return nullptr;
}

}  // namespace mmoe::grammar
