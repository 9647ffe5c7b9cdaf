#pragma once

#include <cstdint>

namespace mmoe {

// Rows begin..end-1 of one expert.
struct ExpertRows {
  int32_t expert;
  int32_t begin;
  int32_t end;
};

// The (token, slot) pairs of a batch sorted by expert. An assignment is token * top_k + slot; a row is its
// place in the sorted order.
struct Dispatch {
  int32_t* expert_begin;    // [experts + 1]: rows of expert e are expert_begin[e]..expert_begin[e + 1] - 1
  int32_t* row_token;       // [tokens * top_k]: token of a row
  int32_t* assignment_row;  // [tokens * top_k]: row of an assignment
  // The rows of all experts that have some, ascending, at most most_rows in one run; [MostRuns]. With some panels of its expert
  // a run makes a task.
  ExpertRows* runs;
  int64_t num_runs;
};

// Runs that so many rows of so many experts may have.
constexpr int64_t MostRuns(int64_t rows, int64_t experts, int64_t most_rows) {
  return experts + rows / most_rows;
}

// Stable counting sort of selected [tokens, top_k]: within an expert, rows keep the order of the tokens.
void DispatchTokens(const int32_t* selected, int64_t tokens, int64_t top_k, int64_t experts,
                    int64_t most_rows, Dispatch& dispatch);

// One tile: rows first..first+tokens-1 of the dispatch, the index-th of several tiles of equal size.
struct Tile {
  int64_t first;
  int tokens;
  int64_t index, tiles;
};

// Tile `index` of a run that is cut into `tiles`.
inline Tile TileAt(const ExpertRows& run, int64_t index, int64_t tiles) {
  const int64_t rows = run.end - run.begin, skipped = rows * index / tiles;
  return {run.begin + skipped, static_cast<int>(rows * (index + 1) / tiles - skipped), index, tiles};
}

}  // namespace mmoe
