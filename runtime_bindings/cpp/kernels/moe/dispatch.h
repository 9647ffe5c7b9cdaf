#pragma once

#include <cstdint>

namespace mmoe {

// The (token, slot) pairs of a batch sorted by expert. An assignment is token * top_k + slot; a row is its
// place in the sorted order.
struct Dispatch {
  int32_t* expert_begin;    // [experts + 1]: rows of expert e are expert_begin[e]..expert_begin[e + 1] - 1
  int32_t* row_token;       // [tokens * top_k]: token of a row
  int32_t* assignment_row;  // [tokens * top_k]: row of an assignment
  int32_t* active;          // [experts]: experts with at least one row, ascending
  int64_t num_active;
};

// Stable counting sort of selected [tokens, top_k]: within an expert, rows keep the order of the tokens.
void DispatchTokens(const int32_t* selected, int64_t tokens, int64_t top_k, int64_t experts,
                    Dispatch& dispatch);

// One tile: rows first..first+tokens-1 of the dispatch, the index-th of several tiles of equal size.
struct Tile {
  int64_t first;
  int tokens;
  int64_t index, tiles;
};

// Tile `index` of an expert whose rows are cut into `tiles`.
inline Tile TileAt(const Dispatch& dispatch, int64_t expert, int64_t index, int64_t tiles) {
  const int64_t begin = dispatch.expert_begin[expert], rows = dispatch.expert_begin[expert + 1] - begin;
  const int64_t skipped = rows * index / tiles;
  return {begin + skipped, static_cast<int>(rows * (index + 1) / tiles - skipped), index, tiles};
}

}  // namespace mmoe
