#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/mmoe.h"
#include "core/text/stop_strings.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tools/call_filter.h"

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
  // Where it is in a text, for another of the same tokenizer to go on from.
  struct State {
    Limits limits;
    std::string ready;  // to be shown
    std::string held;   // back, because a stop string may begin with it
    int64_t tokens = 0;
    mmoe_finish finish = MMOE_FINISH_NONE;
    int32_t last_id = -1;
    DecodeStream::State stream;
  };

  explicit AnswerText(const Tokenizer& tokenizer) : tokenizer_(&tokenizer), stream_(tokenizer.NewStream()) {}

  // None for a state that no text comes to.
  static std::optional<AnswerText> Restored(const Tokenizer& tokenizer, const State& state);
  State state() const;

  // A new text, without limits, that shows all.
  void Begin();
  // Limits of what follows: tokens are counted from here, and a text that ended by its length goes on.
  void SetLimits(const Limits& limits);

  // Whether calls of tools are kept from what is shown. Their marks, which can be special tokens, are then text.
  void HideCalls(bool hide);

  // Whether the text may end with the next token.
  bool MayEnd() const { return tokens_ >= limits_.min_new_tokens; }
  bool HasAllTokens() const { return tokens_ == limits_.max_new_tokens; }
  int64_t TokensLeft() const {
    return limits_.max_new_tokens < 0 ? INT64_MAX : limits_.max_new_tokens - tokens_;
  }

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
  std::string Read(int32_t id);
  // What of a text may be shown, or all of it, where it is the end.
  std::string Shown(std::string text, bool is_end);
  // Of these, what cannot be a stop string, which may end the text.
  std::string BeforeStop(const std::string& text);

  const Tokenizer* tokenizer_;
  DecodeStream stream_;
  StopStrings stop_strings_;
  std::optional<CallFilter> calls_;  // none: all is shown
  std::string ready_;                // shown with the next token: what earlier limits held back
  int64_t tokens_ = 0;
  Limits limits_;
  mmoe_finish finish_ = MMOE_FINISH_NONE;
  int32_t last_id_ = -1;
};

}  // namespace mmoe
