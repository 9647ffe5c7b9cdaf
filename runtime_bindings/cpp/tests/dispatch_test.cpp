#include "kernels/moe/dispatch.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace mmoe {
namespace {

using Runs = std::vector<std::vector<int32_t>>;  // expert, begin, end

struct Sorted {
  std::vector<int32_t> begin, token, row;
  Runs runs;
};

Sorted Sort(const std::vector<int32_t>& selected, int64_t top_k, int64_t experts, int64_t most_rows) {
  const auto rows = static_cast<int64_t>(selected.size());
  Sorted sorted = {std::vector<int32_t>(experts + 1),
                   std::vector<int32_t>(selected.size()),
                   std::vector<int32_t>(selected.size()),
                   {}};
  std::vector<ExpertRows> runs(static_cast<size_t>(MostRuns(rows, experts, most_rows)));
  Dispatch dispatch = {sorted.begin.data(), sorted.token.data(), sorted.row.data(), runs.data(), 0};
  DispatchTokens(selected.data(), rows / top_k, top_k, experts, most_rows, dispatch);
  for (int64_t i = 0; i < dispatch.num_runs; ++i) {
    const ExpertRows& run = runs[static_cast<size_t>(i)];
    sorted.runs.push_back({run.expert, run.begin, run.end});
  }
  return sorted;
}

TEST(Dispatch, SortsAssignmentsByExpertAndKeepsTokenOrder) {
  const Sorted sorted = Sort({3, 0, 0, 3, 3, 1}, 2, 5, 3);
  EXPECT_EQ(sorted.begin, (std::vector<int32_t>{0, 2, 3, 3, 6, 6}));
  EXPECT_EQ(sorted.runs, (Runs{{0, 0, 2}, {1, 2, 3}, {3, 3, 6}}));
  EXPECT_EQ(sorted.token, (std::vector<int32_t>{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(sorted.row, (std::vector<int32_t>{3, 0, 1, 4, 5, 2}));
}

TEST(Dispatch, OneExpertTakesAll) {
  const Sorted sorted = Sort({2, 2, 2}, 1, 4, INT64_MAX);
  EXPECT_EQ(sorted.begin, (std::vector<int32_t>{0, 0, 0, 3, 3}));
  EXPECT_EQ(sorted.runs, (Runs{{2, 0, 3}}));
  EXPECT_EQ(sorted.token, (std::vector<int32_t>{0, 1, 2}));
}

TEST(Dispatch, LongRunsAreCut) {
  const Sorted sorted = Sort({1, 1, 1, 0, 1, 1, 0}, 1, 2, 2);
  EXPECT_EQ(sorted.begin, (std::vector<int32_t>{0, 2, 7}));
  EXPECT_EQ(sorted.runs, (Runs{{0, 0, 2}, {1, 2, 4}, {1, 4, 6}, {1, 6, 7}}));
}

TEST(Dispatch, NoTokens) {
  const Sorted sorted = Sort({}, 1, 3, 2);
  EXPECT_EQ(sorted.begin, (std::vector<int32_t>{0, 0, 0, 0}));
  EXPECT_TRUE(sorted.runs.empty());
}

}  // namespace
}  // namespace mmoe
