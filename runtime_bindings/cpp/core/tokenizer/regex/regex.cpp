#include "core/tokenizer/regex/regex.h"

#include <algorithm>
#include <utility>

#include "core/tokenizer/regex/parser.h"

namespace mmoe {

namespace {

// How much further than its match an attempt may look before notes are taken, and how far apart these are.
constexpr size_t kFar = 64;
constexpr size_t kNoteEvery = 16;

uint64_t NoteKey(size_t at, uint32_t state) { return static_cast<uint64_t>(at) << 24 | state; }

// Whether a byte is inside a character.
bool Continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

RegexNode SetNode(const CharSet& set) {
  RegexNode node;
  node.kind = RegexNode::Kind::kSet;
  node.set = set;
  return node;
}

}  // namespace

Regex::Regex(const RegexNode& root)
    : nfa_(root), alphabet_(nfa_.sets), symbols_(nfa_, alphabet_), dfa_(nfa_, symbols_, &effort_) {
  for (int bit = 0; bit < nfa_.bodies; ++bit) {
    const auto body = std::find_if(nfa_.aheads.begin(), nfa_.aheads.end(),
                                   [&](const Nfa::Ahead& ahead) { return ahead.bit == bit; });
    bodies_.emplace_back(nfa_, *body, symbols_, &effort_);
  }
}

Regex::Regex(std::string_view pattern) : Regex(*ParseRegex(pattern)) {}

Regex::Regex(const CharSet& set) : Regex(SetNode(set)) {}

Regex Regex::Literal(std::string_view text) {
  RegexNode root;
  root.kind = RegexNode::Kind::kSequence;
  for (size_t at = 0; at < text.size();) {
    const CodePoint code_point = ReadValidUtf8(text, at);
    root.children.push_back(std::make_unique<RegexNode>(SetNode(CharSet(code_point.value))));
    at += code_point.bytes;
  }
  return Regex(root);
}

Regex Regex::Runs(const std::vector<CharSet>& sets) {
  RegexNode root;
  root.kind = RegexNode::Kind::kAlternate;
  for (const CharSet& set : sets) {
    auto run = std::make_unique<RegexNode>();
    run->kind = RegexNode::Kind::kRepeat;
    run->least = 1;
    run->children.push_back(std::make_unique<RegexNode>(SetNode(set)));
    root.children.push_back(std::move(run));
  }
  return Regex(root);
}

RegexMatches::RegexMatches(const Regex& regex, std::string_view text) : regex_(regex), text_(text) {
  if (regex.nfa_.bodies > 0) LookAhead();
}

Regex::Match RegexMatches::Next() {
  while (at_ < text_.size()) {
    const size_t begin = at_;
    const bool plain = failures_.empty() && bits_.empty();
    const Attempt attempt = plain ? Try(begin) : TryWithNotes(begin);
    if (attempt.seen - (attempt.end == kNoMatch ? begin : attempt.end) > kFar) TakeNotes(begin, attempt);
    if (attempt.end != kNoMatch) {
      at_ = attempt.end;
      return {begin, attempt.end};
    }
    at_ += regex_.alphabet_.Read(text_, at_).bytes;
  }
  return {text_.size(), text_.size()};
}

RegexMatches::Attempt RegexMatches::Try(size_t at) const {
  const Dfa& dfa = regex_.dfa_;
  uint32_t state = dfa.start();
  size_t end = kNoMatch;
  while (at < text_.size()) {
    const Alphabet::Symbol symbol = regex_.alphabet_.Read(text_, at);
    const Dfa::Step step = dfa.At(state, symbol.char_class);
    if (step.matches()) end = at;
    state = step.next();
    if (state == Dfa::kDead) return {end, at};
    at += symbol.bytes;
  }
  if (dfa.At(state, regex_.symbols_.end()).matches()) end = at;
  return {end, at};
}

RegexMatches::Attempt RegexMatches::TryWithNotes(size_t at) const {
  uint32_t state = regex_.dfa_.start();
  size_t end = kNoMatch;
  for (;;) {
    if (KnownToFail(at, state)) return {end, at};
    uint32_t bytes;
    const Dfa::Step step = regex_.dfa_.At(state, SymbolAt(at, &bytes));
    if (step.matches()) end = at;
    state = step.next();
    if (state == Dfa::kDead || at == text_.size()) return {end, at};
    at += bytes;
  }
}

// What an attempt looked at behind its match did not match.
void RegexMatches::TakeNotes(size_t at, const Attempt& attempt) {
  uint32_t state = regex_.dfa_.start();
  while (at < attempt.seen) {
    const bool behind = attempt.end == kNoMatch || at > attempt.end;
    if (behind && IsNoted(at)) failures_.insert(NoteKey(at, state));
    uint32_t bytes;
    state = regex_.dfa_.At(state, SymbolAt(at, &bytes)).next();
    at += bytes;
  }
}

bool RegexMatches::KnownToFail(size_t at, uint32_t state) const {
  return !failures_.empty() && IsNoted(at) && failures_.count(NoteKey(at, state)) != 0;
}

// The first character that begins in a block of kNoteEvery bytes.
bool RegexMatches::IsNoted(size_t at) const {
  for (; at % kNoteEvery != 0; --at) {
    if (!Continues(text_[at - 1])) return false;
  }
  return true;
}

uint32_t RegexMatches::SymbolAt(size_t at, uint32_t* bytes) const {
  const uint32_t bits = bits_.empty() ? 0 : bits_[at];
  *bytes = 0;
  uint32_t symbol = regex_.symbols_.end();
  if (at < text_.size()) {
    const Alphabet::Symbol read = regex_.alphabet_.Read(text_, at);
    symbol = read.char_class;
    *bytes = read.bytes;
  }
  return symbol + bits * regex_.symbols_.per_bits();
}

void RegexMatches::LookAhead() {
  bits_.assign(text_.size() + 1, 0);
  for (size_t body = 0; body < regex_.bodies_.size(); ++body) {
    const BackwardDfa& dfa = regex_.bodies_[body];
    uint32_t state = BackwardDfa::kBehindEnd;
    for (size_t at = text_.size() + 1; at-- > 0;) {
      if (at < text_.size() && Continues(text_[at])) continue;
      uint32_t bytes;
      state = dfa.Step(state, SymbolAt(at, &bytes));
      if (dfa.Matches(state)) bits_[at] = static_cast<uint8_t>(bits_[at] | 1u << body);
    }
  }
}

}  // namespace mmoe
