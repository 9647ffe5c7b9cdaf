#include "kernels/moe/moe_ffn_in.h"

#include <algorithm>

#include "kernels/arena.h"
#include "kernels/linear/linear_activations.h"
#include "kernels/linear/linear_dot.h"
#include "kernels/panel.h"

namespace mmoe {
namespace {

// Panels of the down matrix in a task, as of a dense linear's.
constexpr int64_t kDownPanels = 2;

// Bytes ahead of the weights in use that are asked for while one tile streams through them.
constexpr int64_t kPrefetchBytes = 4096;

// Rows of the dispatch as int8, each tile's by itself.
struct GroupedRows {
  int8_t* values;  // [rows, groups * group_size]
  float* scales;   // [rows, groups]
  int32_t* offsets;
  int64_t groups;
  int64_t group_size;

  LinearTile TileOf(const Tile& tile) const {
    const int64_t row = tile.first * groups;
    return {tile.tokens, values + row * group_size, scales + row, offsets + row};
  }
};

GroupedRows TakeGroupedRows(Arena& arena, int64_t rows, int64_t inputs, int64_t group_size) {
  const int64_t groups = inputs / group_size;
  return {arena.Take<int8_t>(rows * inputs), arena.Take<float>(rows * groups),
          arena.Take<int32_t>(rows * groups), groups, group_size};
}

struct Buffers {
  RoutedTokens routed;
  GroupedRows x;          // of the dispatch's rows: a token is quantised once for each of its experts
  GroupedRows activated;  // F wide
  float* down;            // [tokens * top_k, H]
};

Buffers TakeBuffers(Arena& arena, const MoeFfnShape& shape, int64_t group_size, int num_workers) {
  const int64_t tokens = ChunkTokens(shape.num_tokens, shape.top_k), rows = tokens * shape.top_k;
  Buffers buffers;
  buffers.routed = TakeRoutedTokens(arena, tokens, shape.num_experts, shape.top_k, num_workers);
  buffers.x = TakeGroupedRows(arena, rows, shape.hidden_size, group_size);
  buffers.activated = TakeGroupedRows(arena, rows, shape.intermediate_size, group_size);
  buffers.down = arena.Take<float>(rows * shape.hidden_size);
  return buffers;
}

void QuantizeGroups(const float* x, int64_t groups, int64_t group_size, const LinearTile& tile, int64_t token,
                    int64_t first_group, const KernelTable& kernels) {
  if (group_size == kLinearGroup) return kernels.quantize_groups(x, groups, tile, token, first_group);
  kernels.quantize_wide_groups(x, groups, group_size, tile, token, first_group);
}

// One projection and what its products are made with.
struct Projection {
  const GroupedExperts& matrix;
  int64_t panels;  // of an expert
  const GroupedRows& rows;
  const KernelTable& kernels;

  // Panel `panel` of an expert times one tile. A single tile streams through the weights; of several, the last one has
  // the next panel fetched meanwhile.
  void Run(int64_t expert, int64_t panel, const Tile& tile, float* out, int64_t out_stride) const {
    const int64_t place = expert * panels + panel;
    const int64_t bytes = PanelBytes(rows.groups * rows.group_size), columns = rows.groups * kPanelOutputs;
    const uint8_t* weight = matrix.weight + place * bytes;
    const bool last = tile.index + 1 == tile.tiles;
    LinearDotArgs args = {};
    args.weight = weight;
    args.groups = rows.groups;
    args.ahead = weight + (tile.tiles == 1 ? kPrefetchBytes : last ? bytes : 0);
    args.tile = rows.TileOf(tile);
    args.out = out;
    args.out_stride = out_stride;
    args.group = rows.group_size;
    if (matrix.float_scale == nullptr) {
      args.scale = matrix.scale + place * columns;
    } else {
      args.float_scale = matrix.float_scale + place * columns;
    }
    if (matrix.zero != nullptr) args.zero = matrix.zero + place * columns;
    const bool dense = args.group == kLinearGroup && args.zero == nullptr && args.float_scale == nullptr;
    (dense ? kernels.linear_dot : kernels.grouped_dot)(args);
  }
};

// body(expert, task, worker) for tasks 0..tasks-1 of every active expert.
template <class Body>
void ForExperts(const Dispatch& dispatch, int64_t tasks, const Parallel& parallel, const Body& body) {
  ParallelFor(parallel, dispatch.num_active * tasks,
              [&](int64_t index, int) { body(dispatch.active[index / tasks], index % tasks); });
}

// body(tile) for the tiles of an expert's rows.
template <class Body>
void ForTiles(const Dispatch& dispatch, int64_t expert, const KernelTable& kernels, const Body& body) {
  const int64_t rows = dispatch.expert_begin[expert + 1] - dispatch.expert_begin[expert];
  const int64_t tiles = (rows + kernels.linear_tile - 1) / kernels.linear_tile;
  for (int64_t i = 0; i < tiles; ++i) body(TileAt(dispatch, expert, i, tiles));
}

void QuantizeTokens(const float* x, int64_t hidden, const Dispatch& dispatch, const GroupedRows& to,
                    const KernelTable& kernels, const Parallel& parallel) {
  ForExperts(dispatch, 1, parallel, [&](int64_t expert, int64_t) {
    ForTiles(dispatch, expert, kernels, [&](const Tile& tile) {
      for (int t = 0; t < tile.tokens; ++t) {
        const float* row = x + dispatch.row_token[tile.first + t] * hidden;
        QuantizeGroups(row, to.groups, to.group_size, to.TileOf(tile), t, 0, kernels);
      }
    });
  });
}

// One group of the activated width is a task: the gate's panels, those of the up matrix, and their quantised product.
void ProjectGateUp(const Projection& projection, int64_t width, const Dispatch& dispatch,
                   const GroupedRows& activated, const Parallel& parallel) {
  const int64_t panels = activated.group_size / kPanelOutputs;
  ForExperts(dispatch, activated.groups, parallel, [&](int64_t expert, int64_t group) {
    ForTiles(dispatch, expert, projection.kernels, [&](const Tile& tile) {
      float gate[kLargestLinearTile * kWidestGroup], up[kLargestLinearTile * kWidestGroup];
      for (int64_t p = 0; p < panels; ++p) {
        const int64_t panel = group * panels + p;
        projection.Run(expert, panel, tile, gate + p * kPanelOutputs, kWidestGroup);
        projection.Run(expert, width / kPanelOutputs + panel, tile, up + p * kPanelOutputs, kWidestGroup);
      }
      for (int t = 0; t < tile.tokens; ++t) {
        float product[kWidestGroup];
        projection.kernels.swiglu(gate + t * kWidestGroup, up + t * kWidestGroup, activated.group_size,
                                  product);
        QuantizeGroups(product, 1, activated.group_size, activated.TileOf(tile), t, group,
                       projection.kernels);
      }
    });
  });
}

void ProjectDown(const Projection& projection, int64_t hidden, const Dispatch& dispatch,
                 const Parallel& parallel, float* out) {
  const int64_t panels = hidden / kPanelOutputs;
  ForExperts(dispatch, (panels + kDownPanels - 1) / kDownPanels, parallel, [&](int64_t expert, int64_t task) {
    const int64_t end = std::min(panels, (task + 1) * kDownPanels);
    for (int64_t panel = task * kDownPanels; panel < end; ++panel) {
      ForTiles(dispatch, expert, projection.kernels, [&](const Tile& tile) {
        projection.Run(expert, panel, tile, out + tile.first * hidden + panel * kPanelOutputs, hidden);
      });
    }
  });
}

// x and out are those of the chunk's first token.
void RunChunk(const MoeFfnInArgs& args, int64_t tokens, const float* x, float* out,
              const KernelTable& kernels, const Parallel& parallel, Buffers& buffers) {
  const MoeFfnShape& shape = args.shape;
  const int64_t hidden = shape.hidden_size, width = shape.intermediate_size;
  const Dispatch& dispatch = buffers.routed.dispatch;
  RouteTokens({args.router_weight, args.expert_bias, shape.num_experts, hidden, shape.top_k, args.router,
               args.observer},
              x, tokens, kernels, parallel, buffers.routed);
  QuantizeTokens(x, hidden, dispatch, buffers.x, kernels, parallel);
  ProjectGateUp({args.gate_up, 2 * width / kPanelOutputs, buffers.x, kernels}, width, dispatch,
                buffers.activated, parallel);
  ProjectDown({args.down, hidden / kPanelOutputs, buffers.activated, kernels}, hidden, dispatch, parallel,
              buffers.down);
  CombineTokens(buffers.routed, buffers.down, tokens, shape.top_k, hidden, kernels, parallel, out);
}

}  // namespace

const char* CheckMoeFfnIn(const MoeFfnShape& shape, int64_t group_size) {
  if (group_size != 32 && group_size != 64 && group_size != 128) return "group_size must be 32, 64 or 128";
  if (const char* problem = CheckMoeFfn(shape)) return problem;
  if (shape.hidden_size % group_size != 0) return "hidden_size must be a multiple of group_size";
  if (shape.intermediate_size % group_size != 0) return "intermediate_size must be a multiple of group_size";
  return nullptr;
}

size_t MoeFfnInWorkspaceBytes(const MoeFfnShape& shape, int64_t group_size, int num_workers) {
  Arena arena(nullptr);
  TakeBuffers(arena, shape, group_size, num_workers);
  return arena.used();
}

void MoeFfnIn(const MoeFfnInArgs& args, const KernelTable& kernels, const Parallel& parallel,
              void* workspace) {
  const MoeFfnShape& shape = args.shape;
  Arena arena(workspace);
  Buffers buffers = TakeBuffers(arena, shape, args.group_size, parallel.num_workers);
  const int64_t chunk = ChunkTokens(shape.num_tokens, shape.top_k);
  for (int64_t first = 0; first < shape.num_tokens; first += chunk) {
    const int64_t tokens = std::min(chunk, shape.num_tokens - first);
    RunChunk(args, tokens, args.x + first * shape.hidden_size, args.out + first * shape.hidden_size, kernels,
             parallel, buffers);
  }
}

}  // namespace mmoe
