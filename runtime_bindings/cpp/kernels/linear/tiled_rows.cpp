#include "kernels/linear/tiled_rows.h"

#include <cstring>

namespace mmoe {
namespace {

// The tile of row `row`: the last one that begins at it or before.
int64_t TileOf(const LinearTiles& tiles, int64_t row) { return ((row + 1) * tiles.count - 1) / tiles.rows; }

}  // namespace

LinearTile LinearTiles::tile(int64_t index) const {
  const int64_t first = first_row(index), at = first * groups;
  return {first_row(index + 1) - first, values + at * group_size, activation_scales + at, offsets + at};
}

TiledRows::TiledRows(Arena& arena, int64_t rows, int64_t groups, int64_t group_size, const KernelSet& kernels)
    : groups_(groups), group_size_(group_size), kinds_(kernels.kinds()) {
  for (int kind = 0; kind < kinds_; ++kind) {
    copies_[kind] = {kernels.OfKind(kind).linear_tile, arena.Take<int8_t>(rows * groups * group_size),
                     arena.Take<float>(rows * groups), arena.Take<int32_t>(rows * groups)};
  }
}

int64_t TiledRows::TilesOf(const RowRange& range, int kind) const {
  const int64_t largest = copies_[kind].largest_tile;
  return (range.rows() + largest - 1) / largest;
}

LinearTiles TiledRows::Of(const RowRange& range, int kind) const {
  const int64_t tiles = TilesOf(range, kind), at = range.begin * groups_;
  const Copy& copy = copies_[kind > 0 && tiles == TilesOf(range, 0) ? 0 : kind];
  return {tiles,
          range.rows(),
          groups_,
          group_size_,
          copy.values + at * group_size_,
          copy.activation_scales + at,
          copy.offsets + at};
}

void TiledRows::CopyToOther(const LinearTiles& from, const LinearTiles& to, int64_t row, int64_t first_group,
                            int64_t count) {
  if (from.values == to.values) return;
  const int64_t from_index = TileOf(from, row), to_index = TileOf(to, row);
  const LinearTile source = from.tile(from_index), target = to.tile(to_index);
  const int64_t source_row = row - from.first_row(from_index), target_row = row - to.first_row(to_index);
  for (int64_t group = first_group; group < first_group + count; ++group) {
    const int64_t at = group * source.tokens + source_row, other = group * target.tokens + target_row;
    std::memcpy(target.values + other * to.group_size, source.values + at * from.group_size,
                static_cast<size_t>(from.group_size));
    target.activation_scales[other] = source.activation_scales[at];
    target.offsets[other] = source.offsets[at];
  }
}

}  // namespace mmoe
