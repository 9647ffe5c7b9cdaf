#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/utf8.h"

namespace mmoe {

// How the texts of tokens become text: what a tokenizer.json calls its decoder.
struct TokenDecoder {
  enum class Kind : uint8_t {
    kSpaced,     // no decoder: a space between tokens
    kByteLevel,  // texts in the byte alphabet, which become bytes
    kMetaspace,  // `metaspace` stands for a space
    kPieces,     // `replacements`, `byte_fallback` and `strip` as they say
  };
  Kind kind = Kind::kSpaced;
  std::string metaspace;
  bool first_without_metaspace = false;                           // in the first token it stands for nothing
  std::vector<std::pair<std::string, std::string>> replacements;  // in every token, one after the other
  bool byte_fallback = false;                                     // <0x41> stands for a byte
  std::string strip;                                              // a character that is taken away
  int64_t strip_most = 0;                                         // at the beginning, at most so often

  // What stays the same wherever a token stands: done once, when a tokenizer is read.
  std::string Prepare(std::string text) const;

  // The bytes that a prepared token adds to a text, as the first one of it or as a later one.
  std::string Bytes(std::string_view token, bool first) const;
  bool writes_first_differently() const {
    return kind == Kind::kSpaced || first_without_metaspace || strip_most > 0;
  }
};

// Texts of tokens in, whole characters out.
class DecodeStream {
 public:
  explicit DecodeStream(const TokenDecoder& decoder) : decoder_(&decoder), strip_left_(decoder.strip_most) {}

  // The text that `token`, which Prepare() returned, completes.
  std::string Push(std::string_view token);
  // What was kept back, at the end. The next token is the first of a text again.
  std::string Flush();
  // Whole characters of what was kept back, where a reader stops but the text may go on.
  std::string Pause();
  // The next token is the first of a text.
  bool at_start() const { return first_; }

 private:
  std::string EndBytes();
  std::string Strip(std::string text);

  const TokenDecoder* decoder_;
  Utf8Stream utf8_;
  std::string bytes_;  // of a run of byte tokens, which only at its end is text or is not
  bool first_ = true;
  int64_t strip_left_;
};

}  // namespace mmoe
