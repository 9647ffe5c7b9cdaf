#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "core/grammar/automaton.h"
#include "core/grammar/local_masks.h"
#include "core/grammar/vocabulary.h"

namespace mmoe::grammar {

// A grammar for the tokens of one vocabulary: what texts within it share.
class VocabularyGrammar {
 public:
  VocabularyGrammar(Automaton automaton, std::shared_ptr<const Vocabulary> vocabulary)
      : automaton_(std::move(automaton)),
        vocabulary_(std::move(vocabulary)),
        first_masks_(vocabulary_->first()),
        masks_(vocabulary_->later()) {}

  const Automaton& automaton() const { return automaton_; }
  const TokenTrie& trie(bool at_start) const {
    return at_start ? vocabulary_->first() : vocabulary_->later();
  }
  LocalMasks& masks(bool at_start) const { return at_start && !vocabulary_->alike() ? first_masks_ : masks_; }

 private:
  const Automaton automaton_;
  const std::shared_ptr<const Vocabulary> vocabulary_;
  mutable LocalMasks first_masks_;
  mutable LocalMasks masks_;
};

}  // namespace mmoe::grammar
