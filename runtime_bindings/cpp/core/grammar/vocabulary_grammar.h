#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/grammar/automaton.h"
#include "core/grammar/local_masks.h"
#include "core/grammar/vocabulary.h"

namespace mmoe::grammar {

// What a grammar is compiled from.
struct Source {
  int32_t kind;  // of mmoe_grammar_kind
  std::string text;
};

// A grammar for the tokens of one vocabulary: what texts within it share.
class VocabularyGrammar {
 public:
  VocabularyGrammar(Source source, Automaton automaton, std::shared_ptr<const Vocabulary> vocabulary)
      : source_(std::move(source)),
        automaton_(std::move(automaton)),
        vocabulary_(std::move(vocabulary)),
        first_masks_(vocabulary_->first()),
        masks_(vocabulary_->later()) {}

  const Source& source() const { return source_; }
  const Automaton& automaton() const { return automaton_; }
  const TokenTrie& trie(bool at_start) const {
    return at_start ? vocabulary_->first() : vocabulary_->later();
  }
  LocalMasks& masks(bool at_start) const { return at_start && !vocabulary_->alike() ? first_masks_ : masks_; }

 private:
  const Source source_;
  const Automaton automaton_;
  const std::shared_ptr<const Vocabulary> vocabulary_;
  mutable LocalMasks first_masks_;
  mutable LocalMasks masks_;
};

}  // namespace mmoe::grammar
