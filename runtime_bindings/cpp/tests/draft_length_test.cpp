#include "core/speculation/draft_length.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <utility>

namespace mmoe {
namespace {

constexpr size_t kMost = 8;

// A stretch of a text: how often something that was said before seems to come again, and how often each token of it does.
struct Stretch {
  int tokens;
  double found;
  double right;
  size_t matched = 4;
};

constexpr Stretch kFree = {256, 0.4, 0.2};
constexpr Stretch kCopied = {256, 0.95, 0.95};

// Writes texts by a clock of its own. What it counts is undisturbed time, of which a token takes one unit without drafts.
class DraftLengthTest : public testing::Test {
 protected:
  // A call's time as the session's clock saw it, of what it took: `call` counts them.
  using Disturbance = std::function<double(int call, size_t drafted, double seconds)>;

  // Units that were saved with drafts, of those without: above 0 it was faster.
  double Gain(DraftLength& length, const Stretch& text, const Disturbance& disturbed = nullptr) {
    double spent = 0;
    const auto timed = [&](size_t drafted) {
      const double seconds = 1 + static_cast<double>(drafted) * extra_;
      spent += seconds;
      const int call = calls_++;
      return disturbed ? disturbed(call, drafted, seconds) : seconds;
    };
    for (int written = 0; written < text.tokens;) {
      const bool found = Chance() < text.found;
      const size_t drafted = found ? length.Choose(text.matched, kMost) : 0;
      size_t right = 0;
      while (right < drafted && Chance() < text.right) ++right;
      const double seconds = timed(drafted);
      if (drafted == 0) {
        if (found) length.NoteJudged(text.matched, Chance() < text.right);
        length.NotePlain(seconds);
      } else {
        for (size_t judged = 0; judged < std::min(drafted, right + 1); ++judged) {
          length.NoteJudged(text.matched + judged, judged < right);
        }
        length.NoteDraft(drafted, right, seconds);
      }
      written += static_cast<int>(right) + 1;
      saved_ += static_cast<double>(right) + 1;
    }
    const double plain = std::exchange(saved_, 0);
    return (plain - spent) / plain;
  }

  double Chance() { return std::uniform_real_distribution<double>()(random_); }

  // The least and the mean of many texts.
  struct Gains {
    double least, mean;
  };
  Gains OfMany(const Stretch& text, const std::function<Disturbance()>& disturbance = nullptr) {
    Gains gains = {1e9, 0};
    constexpr int kTexts = 200;
    for (int index = 0; index < kTexts; ++index) {
      DraftLength length;
      calls_ = 0;
      const double gain = Gain(length, text, disturbance ? disturbance() : nullptr);
      gains.least = std::min(gains.least, gain);
      gains.mean += gain / kTexts;
    }
    return gains;
  }

  double extra_ = 0.2;
  int calls_ = 0;
  double saved_ = 0;
  std::mt19937 random_{1};
};

TEST_F(DraftLengthTest, CopyingGains) {
  const Gains gains = OfMany(kCopied);
  EXPECT_GT(gains.mean, 0.5);
  EXPECT_GT(gains.least, 0.4);
}

TEST_F(DraftLengthTest, FreeTextLosesAFiftiethAtMost) {
  for (const double extra : {0.05, 0.2, 0.5, 0.9}) {
    for (const double right : {0.0, 0.1, 0.3, 0.5}) {
      extra_ = extra;
      EXPECT_GT(OfMany({256, 0.4, right}).least, -0.02) << extra << " " << right;
    }
  }
}

TEST_F(DraftLengthTest, AFirstCallThatReadTheDiskIsForgotten) {
  const auto cold = [] {
    return [](int call, size_t, double seconds) { return call == 0 ? 30 * seconds : seconds; };
  };
  EXPECT_GT(OfMany(kFree, cold).least, -0.02);
  EXPECT_GT(OfMany(kCopied, cold).mean, 0.5);
}

TEST_F(DraftLengthTest, AnInterruptedDraftIsForgotten) {
  const auto interrupted = [] {
    return [done = false](int, size_t drafted, double seconds) mutable {
      if (done || drafted == 0) return seconds;
      done = true;
      return 100 * seconds;
    };
  };
  EXPECT_GT(OfMany(kFree, interrupted).least, -0.02);
  EXPECT_GT(OfMany(kCopied, interrupted).mean, 0.45);
}

TEST_F(DraftLengthTest, AnUnquietMachine) {
  const auto unquiet = [this] {
    return [this](int, size_t, double seconds) {
      return seconds * (1 - 0.1 * std::log(1 - Chance())) * (Chance() < 0.05 ? 5 : 1);
    };
  };
  EXPECT_GT(OfMany(kFree, unquiet).least, -0.02);
  EXPECT_GT(OfMany(kCopied, unquiet).mean, 0.45);
}

TEST_F(DraftLengthTest, AMachineThatSlowsDownAndRecovers) {
  const auto changing = [] {
    return [](int call, size_t, double seconds) { return call / 20 % 2 == 0 ? 3 * seconds : seconds; };
  };
  EXPECT_GT(OfMany(kFree, changing).least, -0.02);
  EXPECT_GT(OfMany(kCopied, changing).mean, 0.45);
}

TEST_F(DraftLengthTest, WhatCopyingHasGainedIsNotLostBehindIt) {
  for (int index = 0; index < 200; ++index) {
    DraftLength length;
    Gain(length, kCopied);
    EXPECT_GT(Gain(length, {1024, 0.4, 0.2}), -0.02);
    EXPECT_GT(Gain(length, kCopied), 0.4);
  }
}

}  // namespace
}  // namespace mmoe
