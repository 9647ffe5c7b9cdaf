#include "core/speculation/draft_length.h"

#include <algorithm>

namespace mmoe {

namespace {

constexpr double kNewest = 1.0 / 16;  // weight of the newest call in means
constexpr double kRemembered = 0.98;  // of a record's counts, each draft: texts change
constexpr double kLostShare = 0.01;   // of the time may be lost with drafts,
constexpr double kLostCalls = 8;      // beyond so many calls of one token
constexpr double kInterrupted = 4;    // a call that took so many times the mean says nothing of calls

}  // namespace

size_t DraftLength::ClassOf(size_t matched) { return matched <= 4 ? 0 : matched <= 8 ? 1 : 2; }

size_t DraftLength::Choose(size_t matched, size_t most) const {
  if (plain_ == 0 || balance_ < -(kLostShare * seconds_ + kLostCalls * plain_)) return 0;
  const double probability = records_[ClassOf(matched)].Probability();
  size_t best = 0;
  double tokens = 1, power = 1, best_speed = 1;
  for (size_t length = 1; length <= most; ++length) {
    power *= probability;
    tokens += power;
    const double speed = tokens / (1 + static_cast<double>(length) * extra_);
    if (speed > best_speed) best = length, best_speed = speed;
  }
  return best;
}

void DraftLength::NoteJudged(size_t matched, size_t judged, size_t right) {
  Record& record = records_[ClassOf(matched)];
  record.right = kRemembered * record.right + static_cast<double>(right);
  record.judged = kRemembered * record.judged + static_cast<double>(judged);
}

void DraftLength::NotePlain(double seconds) {
  seconds_ += seconds;
  plain_ = plain_ == 0 ? seconds : plain_ + kNewest * (std::min(seconds, kInterrupted * plain_) - plain_);
}

void DraftLength::NoteDraft(size_t drafted, size_t right, double seconds) {
  seconds_ += seconds;
  balance_ += static_cast<double>(right + 1) * plain_ - seconds;
  const double extra = (seconds / plain_ - 1) / static_cast<double>(drafted);
  extra_ += kNewest * (std::clamp(extra, 0.0, 1.0) - extra_);
}

}  // namespace mmoe
