#include "core/speculation/draft_length.h"

#include <algorithm>

namespace mmoe {

namespace {

constexpr double kRemembered = 0.98;  // of a record's counts, each token: texts change
constexpr double kLostShare = 0.01;   // of the time may be lost with drafts,
constexpr double kMostAllowance = 8;  // and of what they have gained so many calls of one token
constexpr size_t kForgotten = 8;      // after so many calls of one token a call's cost is
constexpr double kInterrupted = 2;    // a call that took so many times what it should says nothing of calls

}  // namespace

double DraftLength::Extra() const {
  auto sorted = extra_.values;
  const auto middle = sorted.begin() + sorted.size() / 2;
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

size_t DraftLength::ClassOf(size_t matched) {
  return matched <= 4 ? matched : matched <= 8 ? 5 : matched < 16 ? 6 : 7;
}

size_t DraftLength::Choose(size_t matched, size_t most) const {
  if (Plain() == kUnknown) return 0;
  const double extra = Extra();
  size_t best = 0;
  double tokens = 1, foreseen = 1, best_speed = 1;
  for (size_t length = 1; length <= most && static_cast<double>(length) * extra <= allowance_; ++length) {
    foreseen *= records_[ClassOf(matched + length - 1)].Probability();
    tokens += foreseen;
    const double speed = tokens / (1 + static_cast<double>(length) * extra);
    if (speed > best_speed) best = length, best_speed = speed;
  }
  return best;
}

void DraftLength::NoteJudged(size_t matched, bool right) {
  Record& record = records_[ClassOf(matched)];
  record.right = kRemembered * record.right + (right ? 1.0 : 0.0);
  record.judged = kRemembered * record.judged + 1.0;
}

void DraftLength::NotePlain(double seconds) {
  plain_.Add(seconds);
  if (++plain_calls_ % kForgotten == 0) extra_.Add(kUsualExtra);
  NoteGain(1, 1);
}

void DraftLength::NoteDraft(size_t drafted, size_t right, double seconds) {
  plain_calls_ = 0;
  const double calls = std::max(1.0, seconds / Plain()),
               expected = 1 + static_cast<double>(drafted) * Extra();
  extra_.Add(std::min(1.0, (calls - 1) / static_cast<double>(drafted)));
  NoteGain(static_cast<double>(right + 1), std::min(calls, kInterrupted * expected));
}

void DraftLength::NoteGain(double tokens, double calls) {
  allowance_ = std::min(kMostAllowance, allowance_ + kLostShare * calls + tokens - calls);
}

}  // namespace mmoe
