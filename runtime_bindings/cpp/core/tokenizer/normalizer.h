#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/tokenizer/regex/regex.h"
#include "core/tokenizer/unicode/normalization.h"

namespace mmoe {

// What a tokenizer does to a text before it splits it.
class Normalizer {
 public:
  struct Prepend {
    std::string text;  // in front of any text that is not empty
  };
  struct Replace {
    std::shared_ptr<const Regex> pattern;
    std::string by;
  };
  struct LowercaseAll {};
  struct Strip {  // of white space
    bool left;
    bool right;
  };
  using Step = std::variant<NormalizationForm, Prepend, Replace, LowercaseAll, Strip>;

  void Add(Step step) { steps_.push_back(std::move(step)); }
  bool empty() const { return steps_.empty(); }
  // `text` is valid UTF-8, and so is what is returned. Sets *cut if something at the beginning was taken away
  // without a replacement. Throws CoreError(MMOE_OUT_OF_RESOURCES) when the text would grow beyond all use.
  std::string Apply(std::string_view text, bool* cut) const;

 private:
  std::vector<Step> steps_;
};

}  // namespace mmoe
