#pragma once

#include <array>
#include <cstddef>

namespace mmoe {

// How many drafted tokens are worth judging, from what drafts came to and what calls of the program cost.
//
// A call of one token takes one unit of time, with a draft of k tokens 1 + k * extra, and yields 1 + p + ... + p^k
// tokens where each drafted token is right with probability p if the one before it was. The k with the most tokens per
// second is chosen. What drafts may lose is bounded: a hundredth of the time and eight calls.
class DraftLength {
 public:
  // For a draft before which `matched` tokens agree with its source's; at most `most`.
  size_t Choose(size_t matched, size_t most) const;

  // `right` of `judged` tokens were; whether they were run or only thought of.
  void NoteJudged(size_t matched, size_t judged, size_t right);
  // Calls of one token, and calls with a draft of which `right` tokens were.
  void NotePlain(double seconds);
  void NoteDraft(size_t drafted, size_t right, double seconds);

 private:
  struct Record {
    double right, judged;
    double Probability() const { return right / judged; }
  };

  static size_t ClassOf(size_t matched);

  // By how much agrees: 3 or 4 tokens, 5 to 8, more. They begin as if two tokens had been judged.
  std::array<Record, 3> records_ = {{{1, 2}, {1, 2}, {1, 2}}};
  double plain_ = 0;  // seconds of a call of one token; 0: none was seen
  // Of a call, for each drafted token. Until calls have told: experts, which most of a call reads, are mostly new.
  double extra_ = 0.5;
  double balance_ = 0;  // seconds that drafts have saved
  double seconds_ = 0;  // of all calls
};

}  // namespace mmoe
