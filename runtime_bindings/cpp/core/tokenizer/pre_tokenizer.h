#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/tokenizer/regex/regex.h"

namespace mmoe {

// Cuts a text into the words that byte-pair encoding works on: steps, each of which cuts the pieces of the
// one before it.
class PreTokenizer {
 public:
  // What becomes of the matches of a pattern.
  enum class Behavior : uint8_t { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
  struct Split {
    std::shared_ptr<const Regex> pattern;
    Behavior behavior;
    bool invert;  // the matches are what is between those of the pattern
  };
  // A space in front of every piece without one.
  struct PrefixSpace {};
  // Spaces become `replacement`, which may also be put in front of pieces that do not begin with it.
  struct Metaspace {
    enum class Prepend : uint8_t { kNever, kFirst, kAlways };
    std::string replacement;
    Prepend prepend;  // kFirst: only where the text begins
  };
  using Step = std::variant<Split, PrefixSpace, Metaspace>;
  using Words = std::function<void(std::string_view)>;

  void Add(Step step) { steps_.push_back(std::move(step)); }
  // `text` is valid UTF-8; `at_start`: nothing is in front of it. Words are not empty.
  void Run(std::string_view text, bool at_start, const Words& words) const {
    RunFrom(0, text, at_start, words);
  }

 private:
  void RunFrom(size_t step, std::string_view piece, bool at_start, const Words& words) const;

  std::vector<Step> steps_;
};

}  // namespace mmoe
