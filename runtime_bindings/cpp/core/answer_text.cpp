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
  // Calls are hidden by whoever reads the text, so that another one shows what is held back for that.
  const std::string ready = (calls_ ? calls_->held() : "") + ready_;
  return {limits_, ready, stop_strings_.held(), tokens_, finish_, last_id_, stream_.state()};
}

void AnswerText::Begin() {
  stream_.Flush();
  ready_.clear();
  calls_.reset();
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

void AnswerText::HideCalls(bool hide) {
  if (calls_) ready_.insert(0, calls_->held());
  calls_.reset();
  if (hide) calls_.emplace(FormsOf(*tokenizer_));
}

std::string AnswerText::Push(int32_t id) {
  std::string text = Read(id);
  return Shown(std::move(text), finish_ != MMOE_FINISH_NONE);
}

std::string AnswerText::Read(int32_t id) {
  const bool counts = MayEnd();
  ++tokens_;
  last_id_ = id;
  const bool is_text = tokenizer_->HasToken(id) &&
                       (!tokenizer_->IsSpecial(id) || (calls_ && IsCallMark(tokenizer_->TokenText(id))));
  if (!is_text) return std::exchange(ready_, {});
  const std::string text = stream_.Push(tokenizer_->TokenText(id));
  return counts ? BeforeStop(text) : std::exchange(ready_, {}) + text;
}

std::string AnswerText::End(mmoe_finish finish, int32_t id) {
  if (finish_ != MMOE_FINISH_NONE) return {};
  last_id_ = id;
  std::string text = BeforeStop(finish == MMOE_FINISH_LENGTH ? stream_.Pause() : stream_.Flush());
  if (finish_ == MMOE_FINISH_NONE) {
    finish_ = finish;
    text += stop_strings_.Flush();
  }
  return Shown(std::move(text), true);
}

std::string AnswerText::Flush() {
  if (finish_ != MMOE_FINISH_NONE) return {};
  const std::string text = BeforeStop(stream_.Pause());
  return Shown(text + stop_strings_.Flush(), true);
}

std::string AnswerText::Shown(std::string text, bool is_end) {
  if (!calls_) return text;
  text = calls_->Push(text);
  return is_end ? text + calls_->End() : text;
}

std::string AnswerText::BeforeStop(const std::string& text) {
  std::string shown = std::exchange(ready_, {}) + stop_strings_.Push(text);
  if (stop_strings_.found()) finish_ = MMOE_FINISH_STOP_STRING;
  return shown;
}

}  // namespace mmoe
