#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

namespace mmoe {

// How many drafted tokens are worth judging, from what drafts came to and what calls of the program cost.
//
// A call of one token takes one unit of time, with a draft of k tokens 1 + k * extra, and yields 1 + p1 + p1 p2 + ...
// tokens where the i-th drafted token is right with probability pi if those before it were: each that was is one more
// token that agrees with its source. The k with the most tokens per second is chosen, as far as there is an allowance for
// it to be wrong throughout: two calls of one token at first, then a hundredth of each call and what drafts have saved,
// up to eight calls.
class DraftLength {
 public:
  // For a draft before which `matched` tokens agree with its source's; at most `most`.
  size_t Choose(size_t matched, size_t most) const;

  // Whether a token was right before which `matched` agree, those of its draft included; run or only thought of.
  void NoteJudged(size_t matched, bool right);
  // Calls of one token, and calls with a draft of which `right` tokens were.
  void NotePlain(double seconds);
  void NoteDraft(size_t drafted, size_t right, double seconds);

 private:
  struct Record {
    double right, judged;
    double Probability() const { return right / judged; }
  };

  // The last calls' times: what is slow for once, as the first call of all or one that was interrupted, counts little.
  template <size_t kCalls>
  struct Recent {
    std::array<double, kCalls> values;
    size_t oldest = 0;

    void Add(double value) {
      values[oldest] = value;
      oldest = (oldest + 1) % kCalls;
    }
  };

  static constexpr double kUnknown = std::numeric_limits<double>::infinity();
  static constexpr double kUsualExtra = 0.5;

  static size_t ClassOf(size_t matched);
  double Plain() const { return *std::min_element(plain_.values.begin(), plain_.values.end()); }
  double Extra() const;
  // A call gave so many tokens in the time of so many calls of one.
  void NoteGain(double tokens, double calls);

  // By how many tokens agree: 0 to 4, up to 8, fewer than 16, more. They begin as if a few tokens had been judged.
  std::array<Record, 8> records_ = {{{1, 3}, {1, 3}, {1, 3}, {1, 2}, {1, 2}, {2, 3}, {4, 5}, {6, 7}}};
  // Seconds of calls of one token, of which the least counts: a call with a draft is worth nothing beside a slow one.
  Recent<3> plain_ = {{kUnknown, kUnknown, kUnknown}};
  // What calls took longer for each drafted token, in calls of one token; the median counts. It begins, and begins again
  // when there were no drafts for long, as if experts, which most of a call reads, were mostly new.
  Recent<5> extra_ = {{kUsualExtra, kUsualExtra, kUsualExtra, kUsualExtra, kUsualExtra}};
  size_t plain_calls_ = 0;  // since a draft
  double allowance_ = 2;    // what drafts may lose, in calls of one token
};

}  // namespace mmoe
