#pragma once

#include <cstdint>

#include "kernels/arena.h"
#include "kernels/isa/kernel_set.h"
#include "kernels/linear/linear_dot.h"

namespace mmoe {

// Quantised rows, cut into `count` tiles of about equal size.
struct LinearTiles {
  int64_t count;
  int64_t rows;
  int64_t groups;
  int64_t group_size;
  int8_t* values;
  float* activation_scales;
  int32_t* offsets;

  int64_t first_row(int64_t tile) const { return rows * tile / count; }
  LinearTile tile(int64_t index) const;
};

// Rows begin..end-1, which are cut into tiles by themselves.
struct RowRange {
  int64_t begin;
  int64_t end;

  int64_t rows() const { return end - begin; }
};

// Quantised rows for all workers of a set. A tile's layout depends on its rows, so kinds of workers that cut a range into
// different numbers of tiles have a copy each; those that agree share one.
class TiledRows {
 public:
  TiledRows(Arena& arena, int64_t rows, int64_t groups, int64_t group_size, const KernelSet& kernels);

  int64_t groups() const { return groups_; }
  int64_t group_size() const { return group_size_; }

  // What workers of this kind read and write.
  LinearTiles Of(const RowRange& range, int kind) const;

  // After groups first_group..first_group+count-1 of row `row` of the range were written as `kind` has them: the other kind's
  // copy. Copied: to quantise twice would add a tenth to SME2's instructions (docs/log/kernels.md).
  void CopyGroups(const RowRange& range, int kind, int64_t row, int64_t first_group, int64_t count) const {
    if (kinds_ > 1) CopyToOther(Of(range, kind), Of(range, 1 - kind), row, first_group, count);
  }

 private:
  struct Copy {
    int64_t largest_tile;
    int8_t* values;            // [rows * groups * group_size]
    float* activation_scales;  // [rows * groups]
    int32_t* offsets;          // [rows * groups]
  };

  static void CopyToOther(const LinearTiles& from, const LinearTiles& to, int64_t row, int64_t first_group,
                          int64_t count);
  int64_t TilesOf(const RowRange& range, int kind) const;

  int64_t groups_;
  int64_t group_size_;
  int kinds_;
  Copy copies_[KernelSet::kMostKinds];
};

}  // namespace mmoe
