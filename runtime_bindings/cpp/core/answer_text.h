#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/mmoe.h"
#include "core/text/stop_strings.h"
#include "core/tokenizer/tokenizer.h"

namespace mmoe {

// What ends a text besides the model itself and the end of its context.
struct Limits {
  std::vector<std::string> stop;  // UTF-8, none of them empty
  int64_t min_new_tokens = 0;
  int64_t max_new_tokens = -1;  // -1: no limit
};

// The text that the tokens chosen after a prompt give: whole characters that a caller may show, and its end.
class AnswerText {
 public:
  explicit AnswerText(const Tokenizer& tokenizer) : tokenizer_(&tokenizer), stream_(tokenizer.NewStream()) {}

  // A new text, without limits.
  void Begin();
  // Limits of what follows: tokens are counted from here, and a text that ended by its length goes on.
  void SetLimits(const Limits& limits);

  // Whether the text may end with the next token.
  bool MayEnd() const { return tokens_ >= min_new_tokens_; }
  bool HasAllTokens() const { return tokens_ == max_new_tokens_; }
  int64_t TokensLeft() const { return max_new_tokens_ < 0 ? INT64_MAX : max_new_tokens_ - tokens_; }

  // What becomes readable with a token; it may end the text.
  std::string Push(int32_t id);
  // Ends the text with a token that is none of it, or -1, and gives what was held back. If that holds a stop string, it
  // is this that ends the text. Again: nothing more.
  std::string End(mmoe_finish finish, int32_t id);
  // What is held back, for a caller that stops here. The text may go on: the bytes of an unfinished character are kept.
  std::string Flush();

  // The next token is the first of a text, which some tokenizers write without its space.
  bool at_start() const { return stream_.at_start(); }
  mmoe_finish finish() const { return finish_; }
  int32_t last_id() const { return last_id_; }  // pushed last, or what ended the text

 private:
  std::string Shown(const std::string& text);

  const Tokenizer* tokenizer_;
  DecodeStream stream_;
  StopStrings stop_strings_;
  std::string ready_;  // shown with the next token: what earlier limits held back
  int64_t tokens_ = 0;
  int64_t min_new_tokens_ = 0;
  int64_t max_new_tokens_ = -1;
  mmoe_finish finish_ = MMOE_FINISH_NONE;
  int32_t last_id_ = -1;
};

}  // namespace mmoe
