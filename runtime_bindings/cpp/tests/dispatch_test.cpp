#include "kernels/moe/dispatch.h"

#include <gtest/gtest.h>

#include <vector>

namespace mmoe {
namespace {

struct Sorted {
  std::vector<int32_t> begin, token, row, active;
};

Sorted Sort(const std::vector<int32_t>& selected, int64_t top_k, int64_t experts) {
  Sorted sorted = {std::vector<int32_t>(experts + 1), std::vector<int32_t>(selected.size()),
                   std::vector<int32_t>(selected.size()), std::vector<int32_t>(experts)};
  Dispatch dispatch = {sorted.begin.data(), sorted.token.data(), sorted.row.data(), sorted.active.data(), 0};
  DispatchTokens(selected.data(), static_cast<int64_t>(selected.size()) / top_k, top_k, experts, dispatch);
  sorted.active.resize(static_cast<size_t>(dispatch.num_active));
  return sorted;
}

TEST(Dispatch, SortsAssignmentsByExpertAndKeepsTokenOrder) {
  const Sorted sorted = Sort({3, 0, 0, 3, 3, 1}, 2, 5);
  EXPECT_EQ(sorted.begin, (std::vector<int32_t>{0, 2, 3, 3, 6, 6}));
  EXPECT_EQ(sorted.active, (std::vector<int32_t>{0, 1, 3}));
  EXPECT_EQ(sorted.token, (std::vector<int32_t>{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(sorted.row, (std::vector<int32_t>{3, 0, 1, 4, 5, 2}));
}

TEST(Dispatch, OneExpertTakesAll) {
  const Sorted sorted = Sort({2, 2, 2}, 1, 4);
  EXPECT_EQ(sorted.begin, (std::vector<int32_t>{0, 0, 0, 3, 3}));
  EXPECT_EQ(sorted.active, (std::vector<int32_t>{2}));
  EXPECT_EQ(sorted.token, (std::vector<int32_t>{0, 1, 2}));
}

TEST(Dispatch, NoTokens) {
  const Sorted sorted = Sort({}, 1, 3);
  EXPECT_EQ(sorted.begin, (std::vector<int32_t>{0, 0, 0, 0}));
  EXPECT_TRUE(sorted.active.empty());
}

}  // namespace
}  // namespace mmoe
