#include "core/grammar/schema/pattern.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/text/utf8.h"
#include "core/tokenizer/regex/regex_reader.h"
#include "core/tokenizer/unicode/properties.h"

namespace mmoe::grammar {

namespace {

using Kind = RegexNode::Kind;

constexpr int kMaxDepth = 50;
constexpr int kMaxRepeat = 100'000;

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

RegexNodePtr Repeated(RegexNodePtr what, int least, int most) {
  std::vector<RegexNodePtr> children;
  children.push_back(std::move(what));
  auto node = Parent(Kind::kRepeat, std::move(children));
  node->least = least;
  node->most = most;
  return node;
}

CharSet Digits() { return CharSet({{'0', '9'}}); }
CharSet Word() { return CharSet({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}); }
CharSet LineEnds() { return CharSet({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}); }
CharSet Space() {
  return CharSet({{'\t', '\r'}, {' ', ' '}, {0xA0, 0xA0}, {0xFEFF, 0xFEFF}})
      .Union(*FindProperty("Zs"))
      .Union(LineEnds());
}

class PatternParser {
 public:
  explicit PatternParser(std::string_view pattern) : in_(pattern) {}

  RegexNodePtr Parse() {
    RegexNodePtr root = Alternatives(true);
    if (!in_.AtEnd()) in_.Unsupported("a ) without its (");
    return root;
  }

 private:
  RegexNodePtr Alternatives(bool outermost) {
    if (++depth_ > kMaxDepth) in_.Unsupported("groups nested so deeply");
    std::vector<RegexNodePtr> alternatives;
    do {
      alternatives.push_back(Sequence(outermost));
    } while (in_.Take('|'));
    --depth_;
    return alternatives.size() == 1 ? std::move(alternatives[0])
                                    : Parent(Kind::kAlternate, std::move(alternatives));
  }

  RegexNodePtr Sequence(bool outermost) {
    const auto anything = [] { return Repeated(Leaf(Kind::kSet, CharSet::All()), 0, RegexNode::kNoLimit); };
    std::vector<RegexNodePtr> parts;
    if (outermost && !in_.Take('^')) parts.push_back(anything());
    bool ended = false;
    while (!in_.AtEnd() && !in_.Sees('|') && !in_.Sees(')')) {
      if (ended) in_.Unsupported("something behind a $");
      if (outermost && in_.Take('$')) {
        ended = true;
      } else {
        parts.push_back(Quantified());
      }
    }
    if (outermost && !ended) parts.push_back(anything());
    return parts.size() == 1 ? std::move(parts[0]) : Parent(Kind::kSequence, std::move(parts));
  }

  RegexNodePtr Quantified() {
    RegexNodePtr atom = Atom();
    int least = 0;
    int most = RegexNode::kNoLimit;
    if (in_.Take('+')) {
      least = 1;
    } else if (in_.Take('?')) {
      most = 1;
    } else if (in_.Take('{')) {
      least = most = Number();
      if (in_.Take(',')) most = in_.Sees('}') ? RegexNode::kNoLimit : Number();
      if (!in_.Take('}')) in_.Unsupported("{ that begins no repeat");
      if (most != RegexNode::kNoLimit && most < least) in_.Unsupported("{n,m} with n above m");
    } else if (!in_.Take('*')) {
      return atom;
    }
    in_.Take('?');  // what is tried first makes no difference to what matches
    for (const char another : {'*', '+', '?', '{'}) {
      if (in_.Sees(another)) in_.Unsupported("a repeat of a repeat");
    }
    return Repeated(std::move(atom), least, most);
  }

  int Number() {
    if (in_.AtEnd() || in_.Peek() < '0' || in_.Peek() > '9') in_.Unsupported("{ that begins no repeat");
    int number = 0;
    while (in_.Peek() >= '0' && in_.Peek() <= '9') {
      number = number * 10 + static_cast<int>(in_.Next() - '0');
      if (number > kMaxRepeat) in_.Unsupported("more than " + std::to_string(kMaxRepeat) + " repeats");
    }
    return number;
  }

  RegexNodePtr Atom() {
    if (in_.Take('(')) return Group();
    if (in_.Take('[')) return Leaf(Kind::kSet, Class());
    if (in_.Take('.')) return Leaf(Kind::kSet, LineEnds().Complement());
    for (const char special : {'*', '+', '?', '{', '}', ']', '^', '$'}) {
      if (in_.Sees(special)) in_.Unsupported(std::string(1, special) + " at this place");
    }
    if (!in_.Take('\\')) return Leaf(Kind::kSet, CharSet(in_.Next()));
    if (in_.Sees('b') || in_.Sees('B')) in_.Unsupported("a word boundary");
    if (const std::optional<CharSet> set = EscapedSet()) return Leaf(Kind::kSet, *set);
    return Leaf(Kind::kSet, CharSet(EscapedCharacter(false)));
  }

  RegexNodePtr Group() {
    if (in_.Take('?')) {
      if (in_.TakeAhead("<=") || in_.TakeAhead("<!") || in_.Sees('=') || in_.Sees('!')) {
        in_.Unsupported("look-ahead or look-behind");
      }
      if (in_.Take('<')) {
        while (in_.Next() != '>') {
        }
      } else if (!in_.Take(':')) {
        in_.Unsupported("(?" + in_.Rest(1));
      }
    }
    RegexNodePtr inside = Alternatives(false);
    if (!in_.Take(')')) in_.Unsupported("a ( without its )");
    return inside;
  }

  CharSet Class() {
    const bool negative = in_.Take('^');
    CharSet all;
    while (!in_.Take(']')) {
      std::optional<CharSet> set;
      uint32_t first = in_.Next();
      if (first == '\\') {
        set = EscapedSet();
        if (!set) first = EscapedCharacter(true);
      }
      uint32_t last = first;
      if (in_.Sees('-') && !in_.SeesAhead("-]")) {
        in_.Next();
        last = in_.Next();
        if (last == '\\') {
          if (EscapedSet()) in_.Unsupported("a range that ends with a class");
          last = EscapedCharacter(true);
        }
        if (set || last < first) in_.Unsupported("a range that has no beginning or no end");
      }
      all = all.Union(set ? *set : CharSet({{first, last}}));
    }
    return negative ? all.Complement() : all;
  }

  std::optional<CharSet> EscapedSet() {
    if (in_.Take('d')) return Digits();
    if (in_.Take('D')) return Digits().Complement();
    if (in_.Take('w')) return Word();
    if (in_.Take('W')) return Word().Complement();
    if (in_.Take('s')) return Space();
    if (in_.Take('S')) return Space().Complement();
    const bool negative = in_.Sees('P');
    if (!in_.TakeAhead("p{") && !in_.TakeAhead("P{")) return std::nullopt;
    std::string name;
    while (!in_.Take('}')) AppendUtf8(in_.Next(), &name);
    const std::optional<CharSet> property = FindProperty(name);
    if (!property) in_.Unsupported("the property " + name);
    return negative ? property->Complement() : *property;
  }

  uint32_t EscapedCharacter(bool in_class) {
    if (in_.Take('n')) return '\n';
    if (in_.Take('r')) return '\r';
    if (in_.Take('t')) return '\t';
    if (in_.Take('f')) return '\f';
    if (in_.Take('v')) return '\v';
    if (in_class && in_.Take('b')) return '\b';
    if (in_.Take('0')) return 0;
    if (in_.Take('x')) return Hex(2);
    if (in_.Take('u')) return Unicode();
    const uint32_t c = in_.Next();
    const bool syntax = c < 0x80 && std::string_view("^$\\.*+?()[]{}|/-").find(static_cast<char>(c)) !=
                                        std::string_view::npos;
    if (!syntax) in_.Unsupported("an escape that is none here");
    return c;
  }

  uint32_t Unicode() {
    if (in_.Take('{')) {
      uint32_t value = 0;
      while (!in_.Take('}')) {
        value = value * 16 + HexDigit();
        if (value > kLastCodePoint) in_.Unsupported("a code that is no character");
      }
      return value;
    }
    const uint32_t first = Hex(4);
    if (first < 0xD800 || first >= 0xE000) return first;
    if (!in_.TakeAhead("\\u")) in_.Unsupported("a code that is no character");
    const uint32_t second = Hex(4);
    if (first >= 0xDC00 || second < 0xDC00 || second >= 0xE000)
      in_.Unsupported("a code that is no character");
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
  }

  uint32_t Hex(int digits) {
    uint32_t value = 0;
    for (; digits > 0; --digits) value = value * 16 + HexDigit();
    return value;
  }

  uint32_t HexDigit() {
    const uint32_t c = in_.Next();
    if (c >= '0' && c <= '9') return c - '0';
    const uint32_t lower = c | 0x20;
    if (lower < 'a' || lower > 'f') in_.Unsupported("an escape without its hexadecimal digits");
    return lower - 'a' + 10;
  }

  RegexReader in_;
  int depth_ = 0;
};

uint32_t Sum(uint32_t a, uint32_t b) { return b > kNoLimit - 1 - a ? kNoLimit : a + b; }

uint32_t Product(uint32_t length, int times) {
  if (length == 0 || times == 0) return 0;
  if (length == kNoLimit || times == RegexNode::kNoLimit) return kNoLimit;
  const uint64_t product = uint64_t{length} * static_cast<uint64_t>(times);
  return product < kNoLimit ? static_cast<uint32_t>(product) : kNoLimit;
}

Lengths LengthsOf(const RegexNode& node) {
  switch (node.kind) {
    case Kind::kSet:
      return {1, 1};
    case Kind::kSequence: {
      Lengths all{0, 0};
      for (const RegexNodePtr& child : node.children) {
        const Lengths part = LengthsOf(*child);
        all = {Sum(all.least, part.least), Sum(all.most, part.most)};
      }
      return all;
    }
    case Kind::kAlternate: {
      Lengths any = LengthsOf(*node.children[0]);
      for (const RegexNodePtr& child : node.children) {
        const Lengths way = LengthsOf(*child);
        any = {std::min(any.least, way.least), std::max(any.most, way.most)};
      }
      return any;
    }
    case Kind::kRepeat: {
      const Lengths once = LengthsOf(*node.children[0]);
      return {Product(once.least, node.least), Product(once.most, node.most)};
    }
    default:
      return {0, 0};
  }
}

Expression ToExpression(const RegexNode& node, Grammar* grammar, JsonText* text) {
  std::vector<Expression> children;
  for (const RegexNodePtr& child : node.children) children.push_back(ToExpression(*child, grammar, text));
  switch (node.kind) {
    case Kind::kSet:
      return text->Character(node.set);
    case Kind::kAlternate:
      return grammar->Alternatives(std::move(children));
    case Kind::kRepeat:
      return grammar->Repeat(children[0], static_cast<uint32_t>(node.least),
                             node.most == RegexNode::kNoLimit ? kNoLimit : static_cast<uint32_t>(node.most));
    default:
      return grammar->Sequence(std::move(children));
  }
}

}  // namespace

RegexNodePtr ParsePattern(std::string_view pattern) { return PatternParser(pattern).Parse(); }

std::optional<Expression> MatchingContent(const RegexNode& pattern, Lengths lengths, Grammar* grammar,
                                          JsonText* text) {
  const Lengths own = LengthsOf(pattern);
  if (own.least >= lengths.least && own.most <= lengths.most) return ToExpression(pattern, grammar, text);
  if (pattern.kind != Kind::kRepeat || pattern.children[0]->kind != Kind::kSet) return std::nullopt;
  const uint32_t least = std::max(own.least, lengths.least);
  const uint32_t most = std::min(own.most, lengths.most);
  if (least > most) return grammar->Alternatives({});
  return grammar->Repeat(text->Character(pattern.children[0]->set), least, most);
}

}  // namespace mmoe::grammar
