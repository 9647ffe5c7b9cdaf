#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/tokenizer/regex/alphabet.h"
#include "core/tokenizer/regex/dfa.h"
#include "core/tokenizer/regex/nfa.h"
#include "core/tokenizer/regex/syntax_tree.h"
#include "core/tokenizer/unicode/char_set.h"

namespace mmoe {

// A compiled regular expression. Immutable, so threads may share it.
class Regex {
 public:
  // See parser.h. Throws CoreError(MMOE_UNSUPPORTED), also for a pattern whose automaton would be too large.
  explicit Regex(std::string_view pattern);
  // One character of a set.
  explicit Regex(const CharSet& set);
  Regex(const Regex&) = delete;
  // As many characters of one of the sets as there are.
  static Regex Runs(const std::vector<CharSet>& sets);
  // A text itself, which is not empty.
  static Regex Literal(std::string_view text);

  // At least one character of a text.
  struct Match {
    size_t begin;  // the text's size when there is none
    size_t end;
  };

 private:
  friend class RegexMatches;

  explicit Regex(const RegexNode& root);

  Nfa nfa_;
  Alphabet alphabet_;
  Symbols symbols_;
  Effort effort_;
  Dfa dfa_;
  std::vector<BackwardDfa> bodies_;
};

// The matches of an expression in a text, from left to right and without overlaps, each the one that a
// backtracking matcher would find. The time is linear in the text's length, whatever both are.
class RegexMatches {
 public:
  // `text` is valid UTF-8. Both outlive this object.
  RegexMatches(const Regex& regex, std::string_view text);

  Regex::Match Next();

 private:
  // An attempt to match, and how far it looked.
  struct Attempt {
    size_t end;  // kNoMatch
    size_t seen;
  };
  static constexpr size_t kNoMatch = static_cast<size_t>(-1);

  Attempt Try(size_t at) const;
  Attempt TryWithNotes(size_t at) const;
  void TakeNotes(size_t at, const Attempt& attempt);
  void LookAhead();
  uint32_t SymbolAt(size_t at, uint32_t* bytes) const;
  bool KnownToFail(size_t at, uint32_t state) const;
  bool IsNoted(size_t at) const;

  const Regex& regex_;
  std::string_view text_;
  size_t at_ = 0;
  std::vector<uint8_t> bits_;  // for each byte that begins a character: the bodies of look-ahead that match
  // Places and states from which nothing more matches, at some distance from each other. They keep a pattern
  // that looks far and takes little, as `\s+$` on a long run of spaces, from looking at the same run again
  // and again.
  std::unordered_set<uint64_t> failures_;
};

}  // namespace mmoe
