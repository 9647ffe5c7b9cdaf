#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/grammar/grammar.h"
#include "core/json.h"

namespace mmoe::grammar {

// JSON as expressions of a grammar, in the spellings that serializers write: a character of a name or of a constant stands
// for itself, in its short escape, or, unless it is printable ASCII, as \u and four digits. Strings without a constraint
// may hold any escape.
class JsonText {
 public:
  // `grammar` outlives it.
  explicit JsonText(Grammar* grammar) : grammar_(*grammar) {}

  // Between two tokens: nothing, a space, or a new line with its indentation.
  Expression Space();
  // One character of a string.
  Expression Character(const CharSet& set);
  Expression Quoted(Expression content);
  // The inside of a string.
  Expression Content(std::string_view text);
  // The inside of any string that is none of these, which have kMaxNameBytes at most.
  Expression ContentOtherThan(const std::vector<std::string>& texts);
  // `first` to `last` of the decimal digits.
  Expression Digit(char first = '0', char last = '9');
  Expression Digits(uint32_t least, uint32_t most) { return grammar_.Repeat(Digit(), least, most); }

  // "{", members, "}"; each member is a name, as in Content or ContentOtherThan, and a value.
  using Member = std::pair<Expression, Expression>;
  Expression Object(const std::vector<Member>& named, uint64_t required, const std::optional<Member>& others);
  // "[", elements, "]": `least` to `most` of them, the first ones as `first` says, all others as `others`.
  Expression Array(const std::vector<Expression>& first, std::optional<Expression> others, uint32_t least,
                   uint32_t most);
  // Any value.
  Expression Anything();
  Expression AnyNumber();
  // This value.
  Expression Constant(const Json& value);

  // An expression is as deep as a name is long, and builders of automata recurse.
  static constexpr size_t kMaxNameBytes = 500;
  // Digits of a whole number, and of a fraction, at most: as many as the largest double has.
  static constexpr uint32_t kMaxDigits = 309;

 private:
  // A character's \u escape: of `set`, without surrogates.
  void AddEscapes(const CharSet& set, std::vector<Expression>* alternatives);
  Expression HexDigit(uint32_t first, uint32_t last);
  void AddHex(uint32_t first, uint32_t last, std::vector<Expression>* alternatives);

  struct Branch {
    std::map<uint32_t, Branch> children;  // by character
    bool is_text = false;
  };
  Expression LeaveTree(const Branch& branch);

  Grammar& grammar_;
  std::map<std::vector<uint32_t>, Expression> characters_;
  std::optional<Rule> anything_;
};

}  // namespace mmoe::grammar
