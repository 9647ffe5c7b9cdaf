#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmoe {

struct AddedToken {
  std::string content;
  int32_t id;
  bool special;
  bool lstrip;       // takes the white space in front of it, too
  bool rstrip;       // and that behind it
  bool single_word;  // is none if it touches a letter, a digit or the like
};

// Tokens that are looked for in the text itself, before it is split into words: the leftmost first, of those
// that begin together the longest.
class AddedTokens {
 public:
  struct Match {
    size_t begin;  // text.size() when there is none
    size_t end;
    int32_t id;
  };

  // The content is not empty.
  void Add(AddedToken token);

  // Cuts `text`: calls on_text(begin, end) for what is no token and on_token(id) for what is. Without
  // `specials` the special ones are found, but left in the text. The time is the text's length times the
  // longest token's.
  template <typename OnText, typename OnToken>
  void Cut(std::string_view text, bool specials, const OnText& on_text, const OnToken& on_token) const {
    size_t done = 0;
    Match match;
    for (size_t from = 0; FindToken(text, specials, done, &from, &match);) {
      if (done < match.begin) on_text(done, match.begin);
      on_token(match.id);
      done = match.end;
    }
    if (done < text.size()) on_text(done, text.size());
  }

  // The first one of text[from..), special or not.
  Match Find(std::string_view text, size_t from) const;

 private:
  struct Node {
    int token = -1;  // that ends here
    std::vector<std::pair<unsigned char, size_t>> children;
  };

  // The next token from *from on, with the white space that it takes, but none in front of `done`; moves
  // *from behind its content.
  bool FindToken(std::string_view text, bool specials, size_t done, size_t* from, Match* match) const;
  bool StandsAlone(std::string_view text, size_t begin, size_t end) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_ = {Node()};  // a trie
  std::array<bool, 256> begins_{};
};

}  // namespace mmoe
