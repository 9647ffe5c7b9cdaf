#include "core/grammar/schema/json_text.h"

#include <algorithm>

#include "core/error.h"
#include "core/grammar/utf8_ranges.h"
#include "core/text/utf8.h"

namespace mmoe::grammar {

namespace {

// Pretty printers indent by depth; what is longer is a model that has lost its way.
constexpr uint32_t kMaxIndentation = 64;

struct ShortEscape {
  uint32_t character;
  char letter;
};
constexpr ShortEscape kShortEscapes[] = {{'"', '"'},  {'\\', '\\'}, {'/', '/'},  {'\b', 'b'},
                                         {'\f', 'f'}, {'\n', 'n'},  {'\r', 'r'}, {'\t', 't'}};

const CharSet& Unescaped() {
  static const CharSet set({{0x20, '"' - 1}, {'"' + 1, '\\' - 1}, {'\\' + 1, kLastCodePoint}});
  return set;
}

const CharSet& PrintableAscii() {
  static const CharSet set({{0x20, 0x7E}});
  return set;
}

bool IsPlain(uint32_t c) { return c >= 0x20 && c <= 0x7E && c != '"' && c != '\\' && c != '/'; }

}  // namespace

Expression JsonText::Space() {
  const Expression line = grammar_.Sequence(
      {grammar_.Literal("\n"),
       grammar_.Repeat(grammar_.Character(CharSet({{' ', ' '}, {'\t', '\t'}})), 0, kMaxIndentation)});
  return grammar_.Optional(grammar_.Alternatives({grammar_.Literal(" "), line}));
}

Expression JsonText::Quoted(Expression content) {
  return grammar_.Sequence({grammar_.Literal("\""), content, grammar_.Literal("\"")});
}

Expression JsonText::Digit(char first, char last) {
  return grammar_.Character(CharSet({{static_cast<uint32_t>(first), static_cast<uint32_t>(last)}}));
}

Expression JsonText::HexDigit(uint32_t first, uint32_t last) {
  std::vector<CharRange> ranges;
  if (first < 10) ranges.push_back({'0' + first, '0' + std::min(last, 9u)});
  if (last >= 10) {
    const uint32_t from = std::max(first, 10u) - 10;
    for (const uint32_t a : {uint32_t{'a'}, uint32_t{'A'}}) ranges.push_back({a + from, a + last - 10});
  }
  return grammar_.Character(CharSet(std::move(ranges)));
}

// Codes of four digits behind \\u.
void JsonText::AddHex(uint32_t first, uint32_t last, std::vector<Expression>* alternatives) {
  for (const UnitRanges& digits : SplitByDigits(first, last, 4, 4)) {
    std::vector<Expression> parts = {grammar_.Literal("\\u")};
    for (const UnitRange& digit : digits) parts.push_back(HexDigit(digit.first, digit.last));
    alternatives->push_back(grammar_.Sequence(std::move(parts)));
  }
}

void JsonText::AddEscapes(const CharSet& set, std::vector<Expression>* alternatives) {
  for (const CharRange& range : set.ranges()) {
    // Below and above the surrogates, and in pairs of them.
    if (range.first < 0xD800) AddHex(range.first, std::min(range.last, 0xD7FFu), alternatives);
    if (range.first <= 0xFFFF && range.last >= 0xE000) {
      AddHex(std::max(range.first, 0xE000u), std::min(range.last, 0xFFFFu), alternatives);
    }
    if (range.last < 0x10000) continue;
    const uint32_t first = std::max(range.first, 0x10000u) - 0x10000;
    const uint32_t last = range.last - 0x10000;
    const auto pair = [&](uint32_t high_first, uint32_t high_last, uint32_t low_first, uint32_t low_last) {
      std::vector<Expression> high;
      std::vector<Expression> low;
      AddHex(0xD800 + high_first, 0xD800 + high_last, &high);
      AddHex(0xDC00 + low_first, 0xDC00 + low_last, &low);
      alternatives->push_back(
          grammar_.Sequence({grammar_.Alternatives(std::move(high)), grammar_.Alternatives(std::move(low))}));
    };
    const uint32_t first_high = first >> 10;
    const uint32_t last_high = last >> 10;
    if (first_high == last_high) {
      pair(first_high, first_high, first & 0x3FF, last & 0x3FF);
      continue;
    }
    pair(first_high, first_high, first & 0x3FF, 0x3FF);
    if (first_high + 1 < last_high) pair(first_high + 1, last_high - 1, 0, 0x3FF);
    pair(last_high, last_high, 0, last & 0x3FF);
  }
}

Expression JsonText::Character(const CharSet& set) {
  std::vector<uint32_t> key;
  for (const CharRange& range : set.ranges()) key.insert(key.end(), {range.first, range.last});
  const auto known = characters_.find(key);
  if (known != characters_.end()) return known->second;
  std::vector<Expression> alternatives = {grammar_.Character(set.Intersection(Unescaped()))};
  for (const ShortEscape& escape : kShortEscapes) {
    if (set.Contains(escape.character)) {
      alternatives.push_back(grammar_.Literal(std::string("\\") + escape.letter));
    }
  }
  const bool any = set == CharSet::All();
  AddEscapes(any ? set : set.Intersection(PrintableAscii().Complement()), &alternatives);
  const Expression character = grammar_.Alternatives(std::move(alternatives));
  characters_.emplace(std::move(key), character);
  return character;
}

Expression JsonText::Content(std::string_view text) {
  std::vector<Expression> parts;
  std::string plain;
  const auto end_plain = [&] {
    if (!plain.empty()) parts.push_back(grammar_.Literal(std::exchange(plain, {})));
  };
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = ReadValidUtf8(text, at);
    at += point.bytes;
    if (IsPlain(point.value)) {
      plain += static_cast<char>(point.value);
    } else {
      end_plain();
      parts.push_back(Character(CharSet(point.value)));
    }
  }
  end_plain();
  return grammar_.Sequence(std::move(parts));
}

Expression JsonText::ContentOtherThan(const std::vector<std::string>& texts) {
  Branch root;
  for (const std::string& text : texts) {
    Branch* branch = &root;
    for (size_t at = 0; at < text.size();) {
      const CodePoint point = ReadValidUtf8(text, at);
      at += point.bytes;
      branch = &branch->children[point.value];
    }
    branch->is_text = true;
  }
  return LeaveTree(root);
}

// At each place of the tree of the texts a string may end where no text does, go down to a child, or leave the tree.
Expression JsonText::LeaveTree(const Branch& branch) {
  std::vector<Expression> ways;
  std::vector<CharRange> taken;
  for (const auto& [character, child] : branch.children) {
    taken.push_back({character, character});
    ways.push_back(grammar_.Sequence({Character(CharSet(character)), LeaveTree(child)}));
  }
  const Expression anything = grammar_.Repeat(Character(CharSet::All()), 0, kNoLimit);
  const CharSet others = CharSet(std::move(taken)).Complement();
  ways.push_back(grammar_.Sequence({Character(others), anything}));
  if (!branch.is_text) ways.push_back(grammar_.Empty());
  return grammar_.Alternatives(std::move(ways));
}

Expression JsonText::Object(const std::vector<Member>& named, uint64_t required,
                            const std::optional<Member>& others) {
  const auto member = [&](const Member& of) {
    return grammar_.Sequence({Quoted(of.first), Space(), grammar_.Literal(":"), Space(), of.second, Space()});
  };
  Members members;
  for (const Member& of : named) members.named.push_back(member(of));
  members.required = required;
  if (others) members.others.push_back(member(*others));
  members.separator = grammar_.Sequence({grammar_.Literal(","), Space()});
  return grammar_.Sequence(
      {grammar_.Literal("{"), Space(), grammar_.AnyOrder(std::move(members)), grammar_.Literal("}")});
}

Expression JsonText::Array(const std::vector<Expression>& first, std::optional<Expression> others,
                           uint32_t least, uint32_t most) {
  const auto element = [&](size_t index, Expression value) {
    const Expression spaced = grammar_.Sequence({value, Space()});
    if (index == 0) return spaced;
    return grammar_.Sequence({grammar_.Literal(","), Space(), spaced});
  };
  const auto count = static_cast<uint32_t>(std::min<size_t>(first.size(), most));
  // From the last element to the first.
  Expression rest = grammar_.Empty();
  if (others && most > count) {
    const uint32_t left = most == kNoLimit ? kNoLimit : most - count;
    const uint32_t needed = least > count ? least - count : 0;
    if (count > 0) {
      rest = grammar_.Repeat(element(1, *others), needed, left);
    } else {
      const Expression more = grammar_.Repeat(element(1, *others), needed > 0 ? needed - 1 : 0,
                                              left == kNoLimit ? kNoLimit : left - 1);
      rest = grammar_.Repeat(grammar_.Sequence({element(0, *others), more}), needed > 0 ? 1 : 0, 1);
    }
  } else if (least > count) {
    rest = grammar_.Alternatives({});
  }
  for (uint32_t index = count; index-- > 0;) {
    rest = grammar_.Repeat(grammar_.Sequence({element(index, first[index]), rest}), least > index ? 1 : 0, 1);
  }
  return grammar_.Sequence({grammar_.Literal("["), Space(), rest, grammar_.Literal("]")});
}

Expression JsonText::AnyNumber() {
  const Expression whole = grammar_.Alternatives(
      {grammar_.Literal("0"), grammar_.Sequence({Digit('1'), Digits(0, kMaxDigits - 1)})});
  const Expression fraction = grammar_.Sequence({grammar_.Literal("."), Digits(1, kMaxDigits)});
  const Expression exponent = grammar_.Sequence(
      {grammar_.Character(CharSet({{'e', 'e'}, {'E', 'E'}})),
       grammar_.Optional(grammar_.Character(CharSet({{'+', '+'}, {'-', '-'}}))), Digits(1, 3)});
  return grammar_.Sequence({grammar_.Optional(grammar_.Literal("-")), whole, grammar_.Optional(fraction),
                            grammar_.Optional(exponent)});
}

Expression JsonText::Anything() {
  if (!anything_) {
    anything_ = grammar_.NewRule("any value");
    const Expression string = Quoted(grammar_.Repeat(Character(CharSet::All()), 0, kNoLimit));
    const Rule text = grammar_.NewRule("any string");
    grammar_.Define(text, string);
    const Member member = {grammar_.Repeat(Character(CharSet::All()), 0, kNoLimit),
                           grammar_.Call(*anything_)};
    grammar_.Define(
        *anything_,
        grammar_.Alternatives({grammar_.Literal("null"), grammar_.Literal("true"), grammar_.Literal("false"),
                               AnyNumber(), grammar_.Call(text),
                               Array({}, grammar_.Call(*anything_), 0, kNoLimit), Object({}, 0, member)}));
  }
  return grammar_.Call(*anything_);
}

Expression JsonText::Constant(const Json& value) {
  switch (value.type()) {
    case Json::Type::kNull:
      return grammar_.Literal("null");
    case Json::Type::kBool:
      return grammar_.Literal(value.Bool() ? "true" : "false");
    case Json::Type::kString:
      return Quoted(Content(value.String()));
    case Json::Type::kNumber: {
      const std::string text = value.NumberText();
      std::vector<Expression> spellings = {grammar_.Literal(text)};
      // 2.0 is 2.
      const size_t point = text.find('.');
      if (point != std::string::npos && text.find_first_not_of('0', point + 1) == std::string::npos) {
        spellings.push_back(grammar_.Literal(text.substr(0, point)));
      }
      return grammar_.Alternatives(std::move(spellings));
    }
    case Json::Type::kArray: {
      std::vector<Expression> elements;
      for (Json element = value.First(); element.valid(); element = element.Next()) {
        elements.push_back(Constant(element));
      }
      const auto count = static_cast<uint32_t>(elements.size());
      return Array(elements, std::nullopt, count, count);
    }
    case Json::Type::kObject:
      break;
  }
  std::vector<Member> members;
  for (Json member = value.First(); member.valid(); member = member.Next()) {
    members.emplace_back(Content(member.Name()), Constant(member));
  }
  if (members.size() > kMaxMembers) {
    throw CoreError(MMOE_UNSUPPORTED,
                    "a constant has an object of more than " + std::to_string(kMaxMembers) + " members");
  }
  const uint64_t all = members.size() == kMaxMembers ? ~uint64_t{0} : (uint64_t{1} << members.size()) - 1;
  return Object(members, all, std::nullopt);
}

}  // namespace mmoe::grammar
