#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mmoe {

// Text in, and out again up to the first of some strings: the one that is complete first, of several that are the
// longest. What may be the beginning of one is held back until it cannot be. Pieces of whole characters stay so.
//
// The strings are one automaton over bytes (Aho, Corasick: Efficient string matching, 1975), whose state is the longest
// end of the text that begins a string: just what must be held back.
class StopStrings {
 public:
  // The strings are UTF-8 and not empty; without any the text passes through.
  explicit StopStrings(const std::vector<std::string>& strings = {});

  // What of the text so far can be shown now. Once a string is found, nothing more.
  std::string Push(std::string_view text);
  // What is held back, at the end of the text.
  std::string Flush();
  bool found() const { return found_; }
  const std::string& held() const { return held_; }

 private:
  struct Node {
    std::map<char, int32_t> next;
    int32_t shorter = 0;  // the node of the longest proper end of this one's text that begins a string
    size_t depth = 0;     // bytes of its text
    size_t stop = 0;      // bytes of the longest string that ends with it; 0: none does
  };

  int32_t Step(int32_t node, char byte) const;

  std::vector<Node> nodes_;
  int32_t node_ = 0;
  std::string held_;
  bool found_ = false;
};

}  // namespace mmoe
