#include "kernels/moe/moe_ffn_in.h"

#include <algorithm>

#include "kernels/arena.h"
#include "kernels/linear/linear_activations.h"
#include "kernels/linear/linear_dot.h"
#include "kernels/panel.h"

namespace mmoe {
namespace {

// Panels of a task: of the down matrix, and of the gate with as many of the up matrix. Neighbours in memory belong to one
// thread, so that the hardware's streams run on.
constexpr int64_t kDownPanels = 4;
constexpr int64_t kGatePanels = kWidestGroup / kPanelOutputs;

constexpr int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

void Fetch(const uint16_t* scales, int64_t count) {
  for (int64_t i = 0; i < count; i += 32) __builtin_prefetch(scales + i);
}

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

  // Among the panels of all experts.
  int64_t Place(int64_t expert, int64_t panel) const { return expert * panels + panel; }

  // The panel at `place` times one tile. The last of several tiles has the panel at `next` fetched meanwhile; a single
  // one streams through the weights faster if only the hardware fetches ahead.
  void Run(int64_t place, int64_t next, const Tile& tile, float* out, int64_t out_stride) const {
    const int64_t bytes = PanelBytes(rows.groups * rows.group_size), columns = rows.groups * kPanelOutputs;
    const uint8_t* weight = matrix.weight + place * bytes;
    const bool last = tile.index + 1 == tile.tiles;
    if (last && matrix.float_scale == nullptr) Fetch(matrix.scale + next * columns, columns);
    LinearDotArgs args = {};
    args.weight = weight;
    args.groups = rows.groups;
    args.ahead = last && tile.tiles > 1 ? matrix.weight + next * bytes : weight;
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

// body(expert, task, next_expert) for tasks 0..tasks-1 of every active expert; `next_expert` is that of the task after
// this one, which mostly is the thread's next.
template <class Body>
void ForExperts(const Dispatch& dispatch, int64_t tasks, const Parallel& parallel, const Body& body) {
  const int64_t count = dispatch.num_active * tasks;
  ParallelFor(parallel, count, [&](int64_t index, int) {
    const int64_t next = std::min(index + 1, count - 1);
    body(dispatch.active[index / tasks], index % tasks, dispatch.active[next / tasks]);
  });
}

// body(tile) for the tiles of an expert's rows.
template <class Body>
void ForTiles(const Dispatch& dispatch, int64_t expert, const KernelTable& kernels, const Body& body) {
  const int64_t rows = dispatch.expert_begin[expert + 1] - dispatch.expert_begin[expert];
  const int64_t tiles = (rows + kernels.linear_tile - 1) / kernels.linear_tile;
  for (int64_t i = 0; i < tiles; ++i) body(TileAt(dispatch, expert, i, tiles));
}

void QuantizeTokens(const float* x, int64_t tokens, int64_t hidden, const Dispatch& dispatch,
                    const GroupedRows& to, const KernelTable& kernels, const Parallel& parallel) {
  // A token's rows take less time than waking a thread.
  const Parallel alone = {1, nullptr, nullptr};
  ForExperts(dispatch, 1, tokens > 1 ? parallel : alone, [&](int64_t expert, int64_t, int64_t) {
    ForTiles(dispatch, expert, kernels, [&](const Tile& tile) {
      for (int t = 0; t < tile.tokens; ++t) {
        const float* row = x + dispatch.row_token[tile.first + t] * hidden;
        QuantizeGroups(row, to.groups, to.group_size, to.TileOf(tile), t, 0, kernels);
      }
    });
  });
}

// A task is some of the gate's panels, as many of the up matrix, and the groups of their quantised product.
void ProjectGateUp(const Projection& projection, int64_t width, const Dispatch& dispatch,
                   const GroupedRows& activated, const Parallel& parallel) {
  const int64_t gates = width / kPanelOutputs, tasks = DivideUp(gates, kGatePanels);
  const KernelTable& kernels = projection.kernels;
  ForExperts(dispatch, tasks, parallel, [&](int64_t expert, int64_t task, int64_t next_expert) {
    const int64_t first = task * kGatePanels, end = std::min(gates, first + kGatePanels);
    const int64_t next_task = projection.Place(next_expert, end < gates ? end : 0);
    ForTiles(dispatch, expert, kernels, [&](const Tile& tile) {
      float products[2][kLargestLinearTile * kWidestGroup];
      for (const int64_t up : {0, 1}) {
        for (int64_t panel = first; panel < end; ++panel) {
          const int64_t place = projection.Place(expert, up * gates + panel);
          const int64_t next = panel + 1 < end ? place + 1
                               : up            ? next_task
                                               : projection.Place(expert, gates + first);
          projection.Run(place, next, tile, products[up] + (panel - first) * kPanelOutputs, kWidestGroup);
        }
      }
      const int64_t outputs = (end - first) * kPanelOutputs, group_size = activated.group_size;
      for (int t = 0; t < tile.tokens; ++t) {
        float product[kWidestGroup];
        kernels.swiglu(products[0] + t * kWidestGroup, products[1] + t * kWidestGroup, outputs, product);
        QuantizeGroups(product, outputs / group_size, group_size, activated.TileOf(tile), t,
                       first * kPanelOutputs / group_size, kernels);
      }
    });
  });
}

void ProjectDown(const Projection& projection, int64_t hidden, const Dispatch& dispatch,
                 const Parallel& parallel, float* out) {
  const int64_t panels = hidden / kPanelOutputs;
  ForExperts(dispatch, DivideUp(panels, kDownPanels), parallel,
             [&](int64_t expert, int64_t task, int64_t next_expert) {
               const int64_t end = std::min(panels, (task + 1) * kDownPanels);
               for (int64_t panel = task * kDownPanels; panel < end; ++panel) {
                 const int64_t place = projection.Place(expert, panel);
                 const int64_t next = panel + 1 < panels ? place + 1 : projection.Place(next_expert, 0);
                 ForTiles(dispatch, expert, projection.kernels, [&](const Tile& tile) {
                   projection.Run(place, next, tile, out + tile.first * hidden + panel * kPanelOutputs,
                                  hidden);
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
  QuantizeTokens(x, tokens, hidden, dispatch, buffers.x, kernels, parallel);
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
