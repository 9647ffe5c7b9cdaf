#include "core/tokenizer/regex/parser.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/tokenizer/regex/set_parser.h"

namespace mmoe {

namespace {

using Kind = RegexNode::Kind;

constexpr int kMaxDepth = 50;
constexpr int kMaxRepeat = 1000;

RegexNodePtr Leaf(Kind kind, CharSet set = {}) {
  auto node = std::make_unique<RegexNode>();
  node->kind = kind;
  node->set = std::move(set);
  return node;
}

RegexNodePtr Parent(Kind kind, std::vector<RegexNodePtr> children) {
  auto node = Leaf(kind);
  node->children = std::move(children);
  return node;
}

RegexNodePtr Pair(Kind kind, RegexNodePtr first, RegexNodePtr second) {
  std::vector<RegexNodePtr> children;
  children.push_back(std::move(first));
  children.push_back(std::move(second));
  return Parent(kind, std::move(children));
}

RegexNodePtr Ahead(RegexNodePtr what, bool negative) {
  std::vector<RegexNodePtr> children;
  children.push_back(std::move(what));
  auto node = Parent(Kind::kAhead, std::move(children));
  node->negative = negative;
  return node;
}

RegexNodePtr Repeat(RegexNodePtr what, int least, int most, bool greedy) {
  std::vector<RegexNodePtr> children;
  children.push_back(std::move(what));
  auto node = Parent(Kind::kRepeat, std::move(children));
  node->least = least;
  node->most = most;
  node->greedy = greedy;
  return node;
}

bool MayBeEmpty(const RegexNode& node) {
  const auto may_be_empty = [](const RegexNodePtr& child) { return MayBeEmpty(*child); };
  switch (node.kind) {
    case Kind::kSet:
      return false;
    case Kind::kSequence:
      return std::all_of(node.children.begin(), node.children.end(), may_be_empty);
    case Kind::kAlternate:
      return std::any_of(node.children.begin(), node.children.end(), may_be_empty);
    case Kind::kRepeat:
      return node.least == 0 || MayBeEmpty(*node.children[0]);
    default:
      return true;
  }
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : in_(pattern) {}

  RegexNodePtr Parse() {
    RegexNodePtr root = Alternatives();
    if (!in_.AtEnd()) in_.Unsupported("a ) without its (");
    if (MayBeEmpty(*root)) in_.Unsupported("matches of no characters");
    return root;
  }

 private:
  RegexNodePtr Alternatives() {
    if (++depth_ > kMaxDepth) in_.Unsupported("groups nested so deeply");
    std::vector<RegexNodePtr> alternatives;
    do {
      alternatives.push_back(Sequence());
    } while (in_.Take('|'));
    --depth_;
    return alternatives.size() == 1 ? std::move(alternatives[0])
                                    : Parent(Kind::kAlternate, std::move(alternatives));
  }

  RegexNodePtr Sequence() {
    std::vector<RegexNodePtr> parts;
    while (!in_.AtEnd() && !in_.Sees('|') && !in_.Sees(')')) parts.push_back(Quantified());
    return parts.size() == 1 ? std::move(parts[0]) : Parent(Kind::kSequence, std::move(parts));
  }

  RegexNodePtr Quantified() {
    RegexNodePtr atom = Atom();
    int repeats = 0;
    while (const std::optional<std::pair<int, int>> count = Count()) {
      // Each one is a level that later steps descend.
      if (++repeats > 3) in_.Unsupported("repeats of repeats of repeats");
      if (MayBeEmpty(*atom)) in_.Unsupported("a repeat of what may match nothing");
      atom = Quantify(std::move(atom), count->first, count->second);
    }
    return atom;
  }

  // A repeat's limits, if one follows.
  std::optional<std::pair<int, int>> Count() {
    interval_ = false;
    if (in_.Take('*')) return std::pair(0, RegexNode::kNoLimit);
    if (in_.Take('+')) return std::pair(1, RegexNode::kNoLimit);
    if (in_.Take('?')) return std::pair(0, 1);
    if (!in_.Take('{')) return std::nullopt;
    interval_ = true;
    const std::optional<int> least = Number();
    std::optional<int> most = least;
    if (in_.Take(',')) {
      most = Number();
      if (!least && !most) in_.Unsupported("{ that begins no repeat");
      if (!most) most = RegexNode::kNoLimit;
    } else if (!least) {
      in_.Unsupported("{ that begins no repeat");
    } else if (in_.SeesAhead("}?")) {
      in_.Unsupported("{n}?");
    }
    if (!in_.Take('}')) in_.Unsupported("{ that begins no repeat");
    if (*most != RegexNode::kNoLimit && *most < least.value_or(0)) in_.Unsupported("{n,m} with n above m");
    return std::pair(least.value_or(0), *most);
  }

  std::optional<int> Number() {
    std::optional<int> number;
    while (!in_.AtEnd() && in_.Peek() >= '0' && in_.Peek() <= '9') {
      number = number.value_or(0) * 10 + static_cast<int>(in_.Next() - '0');
      if (*number > kMaxRepeat) in_.Unsupported("more than 1000 repeats");
    }
    return number;
  }

  RegexNodePtr Quantify(RegexNodePtr atom, int least, int most) {
    if (in_.Take('?')) return Repeat(std::move(atom), least, most, false);
    // Behind an interval Ruby's + is another repeat.
    if (interval_ || !in_.Take('+')) return Repeat(std::move(atom), least, most, true);
    if (atom->kind != Kind::kSet) in_.Unsupported("a possessive repeat of more than one character");
    return WithoutGivingBack(Repeat(std::move(atom), least, most, true));
  }

  // A greedy repeat of one character's set gives nothing back exactly when it ends where the set ends, or at
  // its limit.
  RegexNodePtr WithoutGivingBack(RegexNodePtr repeat) {
    const CharSet set = repeat->children[0]->set;
    RegexNodePtr no_more = Ahead(Leaf(Kind::kSet, set), true);
    if (repeat->most == RegexNode::kNoLimit)
      return Pair(Kind::kSequence, std::move(repeat), std::move(no_more));
    return Pair(Kind::kAlternate, Leaf(Kind::kSet, set), std::move(no_more));  // X?+
  }

  RegexNodePtr Atom() {
    if (in_.Take('(')) return Group();
    if (in_.Take('[')) return OneOf(ParseSet(&in_, ignore_case_));
    if (in_.Take('.')) return OneOf(CharSet('\n').Complement());
    // At the end of a line: no character follows but a newline.
    if (in_.Take('$')) return Ahead(Leaf(Kind::kSet, CharSet('\n').Complement()), true);
    if (in_.Sees('\\')) return Escape();
    for (const char special : {'*', '+', '?', '{', '^'}) {
      if (in_.Sees(special)) in_.Unsupported(std::string(1, special) + " at this place");
    }
    return Literal(in_.Next());
  }

  RegexNodePtr Escape() {
    if (in_.TakeAhead("\\z")) return Ahead(Leaf(Kind::kSet, CharSet::All()), true);
    in_.Next();
    if (const std::optional<CharSet> set = ParseEscapedSet(&in_)) return OneOf(*set);
    return Literal(ParseEscapedCharacter(&in_));
  }

  RegexNodePtr OneOf(CharSet set) {
    last_literal_ = 0;
    return Leaf(Kind::kSet, std::move(set));
  }

  RegexNodePtr Literal(uint32_t code_point) {
    if (!ignore_case_) return OneOf(CharSet(code_point));
    CharSet cases = IgnoreCase(CharSet(code_point), in_);
    // Oniguruma lets one character stand for two letters that it folds to, as U+00DF for ss.
    const uint32_t lower = code_point | 0x20;
    for (const char* folded : {"ss", "st", "ff", "fi", "fl"}) {
      if (last_literal_ == static_cast<uint32_t>(folded[0]) && lower == static_cast<uint32_t>(folded[1])) {
        in_.Unsupported(std::string("case-insensitive ") + folded);
      }
    }
    RegexNodePtr node = OneOf(std::move(cases));
    last_literal_ = lower;
    return node;
  }

  RegexNodePtr Group() {
    last_literal_ = 0;
    const bool outer_case = ignore_case_;
    RegexNodePtr inside;
    if (!in_.Take('?')) {
      inside = Alternatives();
    } else if (in_.Take(':')) {
      inside = Alternatives();
    } else if (in_.TakeAhead("i:")) {
      ignore_case_ = true;
      inside = Alternatives();
    } else if (in_.Take('=')) {
      inside = Ahead(Alternatives(), false);
    } else if (in_.Take('!')) {
      inside = Ahead(Alternatives(), true);
    } else if (in_.Take('>')) {
      inside = Atomic(Alternatives());
    } else {
      in_.Unsupported("(?" + in_.Rest(2));
    }
    if (!in_.Take(')')) in_.Unsupported("a ( without its )");
    ignore_case_ = outer_case;
    last_literal_ = 0;
    return inside;
  }

  RegexNodePtr Atomic(RegexNodePtr inside) {
    if (inside->kind == Kind::kSet) return inside;
    const bool simple = inside->kind == Kind::kRepeat && inside->greedy &&
                        inside->children[0]->kind == Kind::kSet && inside->least <= 1 &&
                        (inside->most == RegexNode::kNoLimit || (inside->least == 0 && inside->most == 1));
    if (!simple) in_.Unsupported("(?>...) around more than a repeated character");
    return WithoutGivingBack(std::move(inside));
  }

  RegexReader in_;
  bool ignore_case_ = false;
  bool interval_ = false;
  uint32_t last_literal_ = 0;  // in lower case, if the last atom was a case-insensitive letter
  int depth_ = 0;
};

}  // namespace

RegexNodePtr ParseRegex(std::string_view pattern) { return Parser(pattern).Parse(); }

}  // namespace mmoe
