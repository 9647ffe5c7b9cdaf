#include "core/tokenizer/added_tokens.h"

#include <algorithm>

#include "core/text/utf8.h"
#include "core/tokenizer/unicode/properties.h"

namespace mmoe {

namespace {

const auto kNoChild = static_cast<size_t>(-1);

size_t Child(const std::vector<std::pair<unsigned char, size_t>>& children, unsigned char byte) {
  const auto child = std::lower_bound(children.begin(), children.end(), std::pair(byte, size_t{0}));
  return child != children.end() && child->first == byte ? child->second : kNoChild;
}

// Where the character that ends at `end` begins.
size_t Before(std::string_view text, size_t end) {
  do {
    --end;
  } while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  return end;
}

bool IsWord(uint32_t code_point) {
  static const CharSet word = PlainWordCharacters();
  return word.Contains(code_point);
}

// Where the white space that ends at `end` begins, but not before `least`.
size_t SpaceBefore(std::string_view text, size_t least, size_t end) {
  while (end > least) {
    const size_t begin = Before(text, end);
    if (!IsWhiteSpace(ReadValidUtf8(text, begin).value)) break;
    end = begin;
  }
  return std::max(end, least);
}

size_t SpaceBehind(std::string_view text, size_t at) {
  while (at < text.size()) {
    const CodePoint code_point = ReadValidUtf8(text, at);
    if (!IsWhiteSpace(code_point.value)) break;
    at += code_point.bytes;
  }
  return at;
}

}  // namespace

void AddedTokens::Add(AddedToken token) {
  begins_[static_cast<unsigned char>(token.content[0])] = true;
  size_t node = 0;
  for (const char c : token.content) {
    const auto byte = static_cast<unsigned char>(c);
    size_t child = Child(nodes_[node].children, byte);
    if (child == kNoChild) {
      child = nodes_.size();
      nodes_.emplace_back();
      auto& children = nodes_[node].children;
      children.insert(std::lower_bound(children.begin(), children.end(), std::pair(byte, size_t{0})),
                      {byte, child});
    }
    node = child;
  }
  nodes_[node].token = static_cast<int>(tokens_.size());
  tokens_.push_back(std::move(token));
}

bool AddedTokens::FindToken(std::string_view text, bool specials, size_t done, size_t* from,
                            Match* match) const {
  for (size_t begin = *from; begin < text.size(); ++begin) {
    if (!begins_[static_cast<unsigned char>(text[begin])]) continue;
    int longest = -1;
    size_t node = 0;
    for (size_t at = begin; at < text.size(); ++at) {
      node = Child(nodes_[node].children, static_cast<unsigned char>(text[at]));
      if (node == kNoChild) break;
      if (nodes_[node].token >= 0) longest = nodes_[node].token;
    }
    if (longest < 0) continue;
    const AddedToken& token = tokens_[static_cast<size_t>(longest)];
    const size_t end = begin + token.content.size();
    const bool counts = (specials || !token.special) && (!token.single_word || StandsAlone(text, begin, end));
    if (!counts) {
      begin = end - 1;  // as the library: nothing else is looked for inside it
      continue;
    }
    // Within white space that the token before took, its end is known.
    const size_t stop = token.rstrip ? (end < done ? done : SpaceBehind(text, end)) : end;
    if (token.lstrip && stop <= done) {
      begin =
          end - 1;  // the token before has taken all of it, and begins no later than where it was looked for
      continue;
    }
    match->id = token.id;
    match->begin = token.lstrip ? SpaceBefore(text, done, begin) : begin;
    match->end = stop;
    *from = end;
    return true;
  }
  return false;
}

bool AddedTokens::StandsAlone(std::string_view text, size_t begin, size_t end) const {
  if (begin > 0 && IsWord(ReadValidUtf8(text, Before(text, begin)).value)) return false;
  return end == text.size() || !IsWord(ReadValidUtf8(text, end).value);
}

AddedTokens::Match AddedTokens::Find(std::string_view text, size_t from) const {
  Match match{text.size(), text.size(), -1};
  const size_t done = from;
  FindToken(text, true, done, &from, &match);
  return match;
}

}  // namespace mmoe
