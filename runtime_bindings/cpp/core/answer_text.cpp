#include "core/answer_text.h"

#include <utility>

namespace mmoe {

std::optional<AnswerText> AnswerText::Restored(const Tokenizer& tokenizer, const State& state) {
  AnswerText text(tokenizer);
  text.SetLimits(state.limits);
  // Just what begins a stop string is held back, so that pushing it again gives nothing.
  if (!text.stop_strings_.Push(state.held).empty() || text.stop_strings_.found()) return std::nullopt;
  text.stream_.Restore(state.stream);
  text.ready_ = state.ready;
  text.tokens_ = state.tokens;
  text.finish_ = state.finish;
  text.last_id_ = state.last_id;
  return text;
}

AnswerText::State AnswerText::state() const {
  return {limits_, ready_, stop_strings_.held(), tokens_, finish_, last_id_, stream_.state()};
}

void AnswerText::Begin() {
  stream_.Flush();
  ready_.clear();
  finish_ = MMOE_FINISH_NONE;
  last_id_ = -1;
  stop_strings_ = StopStrings();
  SetLimits({});
}

void AnswerText::SetLimits(const Limits& limits) {
  ready_ += stop_strings_.Flush();
  if (finish_ == MMOE_FINISH_LENGTH) finish_ = MMOE_FINISH_NONE;
  stop_strings_ = StopStrings(limits.stop);
  limits_ = limits;
  tokens_ = 0;
}

std::string AnswerText::Push(int32_t id) {
  const bool counts = MayEnd();
  ++tokens_;
  last_id_ = id;
  if (!tokenizer_->HasToken(id) || tokenizer_->IsSpecial(id)) return std::exchange(ready_, {});
  const std::string text = stream_.Push(tokenizer_->TokenText(id));
  return counts ? Shown(text) : std::exchange(ready_, {}) + text;
}

std::string AnswerText::End(mmoe_finish finish, int32_t id) {
  if (finish_ != MMOE_FINISH_NONE) return {};
  last_id_ = id;
  std::string text = Shown(finish == MMOE_FINISH_LENGTH ? stream_.Pause() : stream_.Flush());
  if (finish_ != MMOE_FINISH_NONE) return text;
  finish_ = finish;
  return text + stop_strings_.Flush();
}

std::string AnswerText::Flush() {
  if (finish_ != MMOE_FINISH_NONE) return {};
  const std::string text = Shown(stream_.Pause());
  return text + stop_strings_.Flush();
}

std::string AnswerText::Shown(const std::string& text) {
  std::string shown = std::exchange(ready_, {}) + stop_strings_.Push(text);
  if (stop_strings_.found()) finish_ = MMOE_FINISH_STOP_STRING;
  return shown;
}

}  // namespace mmoe
