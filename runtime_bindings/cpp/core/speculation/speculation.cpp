#include "core/speculation/speculation.h"

#include <algorithm>

namespace mmoe {

const float* Speculation::Take(int32_t id) {
  if (!open_) return nullptr;
  const bool right = draft_.ids[taken_] == id;
  length_.NoteJudged(draft_.matched + taken_, right);
  if (run_.empty()) {  // not run, but it tells what drafts are worth
    open_ = false;
    return nullptr;
  }
  if (!right || rows_ == nullptr) {
    Settle();
    return nullptr;
  }
  ++accepted_tokens_;
  const float* row = rows_ + ++taken_ * stride_;
  if (taken_ == run_.size()) Settle();
  return row;
}

const std::vector<int32_t>& Speculation::Guess(const std::vector<int32_t>& context, int32_t id, size_t room) {
  Settle();
  draft_ = source_.Find(context, id, std::min(room, most_));
  const size_t count = draft_.ids.empty() ? 0 : length_.Choose(draft_.matched, draft_.ids.size());
  run_.assign(draft_.ids.begin(), draft_.ids.begin() + static_cast<std::ptrdiff_t>(count));
  return run_;
}

void Speculation::NoteCall(const float* rows, size_t stride, double seconds) {
  rows_ = rows, stride_ = stride, seconds_ = seconds;
  taken_ = 0;
  open_ = !draft_.ids.empty();
  drafted_tokens_ += static_cast<int64_t>(run_.size());
  if (run_.empty()) length_.NotePlain(seconds);
}

void Speculation::Forget(size_t position) {
  Settle();
  source_.Forget(position);
}

void Speculation::Settle() {
  if (open_ && !run_.empty()) length_.NoteDraft(run_.size(), taken_, seconds_);
  open_ = false;
  rows_ = nullptr;
}

}  // namespace mmoe
