#include "capi/grammar_c.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/grammar/grammars.h"
#include "core/grammar/matcher.h"
#include "core/tokenizer/tokenizer.h"

namespace {

using mmoe::grammar::Automaton;
using mmoe::grammar::Configurations;
using mmoe::grammar::Matcher;
using mmoe::grammar::Vocabulary;
using mmoe::grammar::VocabularyGrammar;

struct Grammar {
  std::shared_ptr<const Automaton> bytes;
  std::shared_ptr<const VocabularyGrammar> tokens;
};

void Explain(const mmoe::CoreError& error, char* message, size_t capacity) {
  std::snprintf(message, capacity, "%d %s", static_cast<int>(error.status()), error.what());
}

}  // namespace

void* mmoe_vocabulary_new(const char* tokenizer_json, size_t bytes, const int32_t* stop_ids,
                          size_t stop_count, char* message, size_t capacity) {
  try {
    const mmoe::Tokenizer tokenizer(std::string_view(tokenizer_json, bytes), "tokenizer.json");
    return new std::shared_ptr<const Vocabulary>(
        std::make_shared<const Vocabulary>(tokenizer, std::vector<int32_t>(stop_ids, stop_ids + stop_count)));
  } catch (const mmoe::CoreError& error) {
    Explain(error, message, capacity);
    return nullptr;
  }
}

void mmoe_vocabulary_delete(void* vocabulary) {
  delete static_cast<std::shared_ptr<const Vocabulary>*>(vocabulary);
}

void* mmoe_grammar_new(const void* vocabulary, int32_t kind, const char* text, size_t bytes, char* message,
                       size_t capacity) {
  try {
    Automaton automaton = mmoe::grammar::Compile(kind, std::string_view(text, bytes));
    auto grammar = std::make_unique<Grammar>();
    if (vocabulary == nullptr) {
      grammar->bytes = std::make_shared<const Automaton>(std::move(automaton));
    } else {
      grammar->tokens = std::make_shared<const VocabularyGrammar>(
          mmoe::grammar::Source{kind, std::string(text, bytes)}, std::move(automaton),
          *static_cast<const std::shared_ptr<const Vocabulary>*>(vocabulary));
    }
    return grammar.release();
  } catch (const mmoe::CoreError& error) {
    Explain(error, message, capacity);
    return nullptr;
  }
}

void mmoe_grammar_delete(void* grammar) { delete static_cast<Grammar*>(grammar); }

size_t mmoe_grammar_read(const void* grammar, const char* text, size_t bytes, int32_t* ends, char* message,
                         size_t capacity) {
  const auto* self = static_cast<const Grammar*>(grammar);
  try {
    Configurations configurations(self->bytes != nullptr ? *self->bytes : self->tokens->automaton());
    auto now = configurations.Start();
    size_t read = 0;
    for (; read < bytes; ++read) {
      if (configurations.IsLarge()) now = configurations.Keep(now);
      configurations.BeginStep();
      const auto next = configurations.Next(now, static_cast<uint8_t>(text[read]));
      if (next == Configurations::kDead) break;
      now = next;
    }
    *ends = read == bytes && configurations.ends(now) ? 1 : 0;
    return read;
  } catch (const mmoe::CoreError& error) {
    Explain(error, message, capacity);
    return SIZE_MAX;
  }
}

void* mmoe_matcher_new(const void* grammar, int32_t at_start) {
  return new Matcher(static_cast<const Grammar*>(grammar)->tokens, at_start != 0);
}

void mmoe_matcher_delete(void* matcher) { delete static_cast<Matcher*>(matcher); }

int32_t mmoe_matcher_allowed(void* matcher, uint8_t* allowed, size_t vocab_size, int32_t* ends, char* message,
                             size_t capacity) {
  auto* self = static_cast<Matcher*>(matcher);
  try {
    *ends = self->MayEnd() ? 1 : 0;
    std::memset(allowed, 0, vocab_size);
    self->Allowed().ForEach([&](int32_t id) {
      if (static_cast<size_t>(id) < vocab_size) allowed[id] = 1;
    });
    return 0;
  } catch (const mmoe::CoreError& error) {
    Explain(error, message, capacity);
    return error.status();
  }
}

int32_t mmoe_matcher_push(void* matcher, int32_t id) {
  return static_cast<Matcher*>(matcher)->Push(id) ? 1 : 0;
}
