#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/grammar/configurations.h"
#include "core/grammar/vocabulary_grammar.h"

namespace mmoe::grammar {

// A text that is made token by token within a grammar. Of one thread at a time. Its functions throw
// CoreError(MMOE_OUT_OF_RESOURCES) for a grammar that is too ambiguous to follow.
class Matcher {
 public:
  // `at_start`: the next token is the first of a text, which some tokenizers write without its space.
  Matcher(std::shared_ptr<const VocabularyGrammar> grammar, bool at_start);

  // The tokens that may come next; those that end a text are not among them. Valid until the next call.
  const TokenSet& Allowed();
  // The text may end here.
  bool MayEnd() const { return configurations_.ends(now_); }
  // `id` comes next. False, and nothing happens, if it is not allowed.
  bool Push(int32_t id);

  // What it was made of, and the tokens that have come: another one of these that they are pushed to is where this one is.
  const Source& source() const { return grammar_->source(); }
  bool began_at_start() const { return began_at_start_; }
  const std::vector<int32_t>& pushed() const { return pushed_; }

 private:
  void BeginStep();
  void Collect(TokenSet* allowed);

  const std::shared_ptr<const VocabularyGrammar> grammar_;
  Configurations configurations_;
  ConfigurationId now_;
  const bool began_at_start_;
  bool at_start_;
  std::vector<int32_t> pushed_;
  // The masks of configurations, of which a text meets the same few again and again.
  struct Mask {
    explicit Mask(int32_t vocab_size) : tokens(vocab_size) {}
    ConfigurationId of = Configurations::kDead;
    TokenSet tokens;
  };
  std::vector<Mask> masks_;
  std::vector<uint32_t> open_;
};

}  // namespace mmoe::grammar
