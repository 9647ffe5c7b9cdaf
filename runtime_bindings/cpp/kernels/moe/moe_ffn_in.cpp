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

// Inlined early, or GCC drops the call: it takes a function that only fetches for one without effect.
__attribute__((always_inline)) inline void Fetch(const uint16_t* scales, int64_t count) {
  for (int64_t i = 0; i < count; i += 32) __builtin_prefetch(scales + i);
}

struct Buffers {
  RoutedTokens routed;
  TiledRows x;          // of the dispatch's rows: a token is quantised once for each of its experts
  TiledRows activated;  // F wide
  float* down;          // [tokens * top_k, H]
};

Buffers TakeBuffers(Arena& arena, const MoeFfnShape& shape, int64_t group_size, const KernelSet& kernels,
                    int num_workers) {
  const int64_t tokens = ChunkTokens(shape.num_tokens, shape.top_k), rows = tokens * shape.top_k;
  const RoutedTokens routed =
      TakeRoutedTokens(arena, tokens, shape.num_experts, shape.top_k, kernels, num_workers);
  const TiledRows x(arena, rows, shape.hidden_size / group_size, group_size, kernels);
  const TiledRows activated(arena, rows, shape.intermediate_size / group_size, group_size, kernels);
  return {routed, x, activated, arena.Take<float>(rows * shape.hidden_size)};
}

RowRange RangeOf(const ExpertRows& run) { return {run.begin, run.end}; }

void QuantizeGroups(const float* x, int64_t groups, int64_t group_size, const LinearTile& tile, int64_t token,
                    int64_t first_group, const KernelTable& kernels) {
  if (group_size == kLinearGroup) return kernels.quantize_groups(x, groups, tile, token, first_group);
  kernels.quantize_wide_groups(x, groups, group_size, tile, token, first_group);
}

// One projection.
struct Projection {
  const GroupedExperts& matrix;
  int64_t panels;  // of an expert

  // Among the panels of all experts.
  int64_t Place(int64_t expert, int64_t panel) const { return expert * panels + panel; }

  // The panel at `place` times one tile. The last of several tiles has the panel at `next` fetched meanwhile; a single
  // one streams through the weights faster if only the hardware fetches ahead.
  void Run(int64_t place, int64_t next, const LinearTiles& rows, int64_t tile, const KernelTable& kernels,
           float* out, int64_t out_stride) const {
    const bool last = tile + 1 == rows.count;
    if (last) FetchScales(next, rows);
    LinearDotArgs args = Arguments(place, rows, tile, out, out_stride);
    if (last && rows.count > 1) args.ahead = matrix.weight + next * PanelBytes(rows.groups * rows.group_size);
    const bool dense = args.group == kLinearGroup && args.zero == nullptr && args.float_scale == nullptr;
    (dense ? kernels.linear_dot : kernels.grouped_dot)(args);
  }

  // The panels at two places times an expert's only row. Scales asked for ahead gain nothing here.
  void RunTwo(const int64_t (&places)[2], const LinearTiles& row, const KernelTable& kernels,
              float* const (&outs)[2]) const {
    LinearDotArgs args[2];
    for (int i = 0; i < 2; ++i) {
      args[i] = Arguments(places[i], row, 0, outs[i], kPanelOutputs);
      args[i].ahead = args[i].weight + kTwoStreamsPrefetchBytes;
    }
    kernels.dot_two_panels(args);
  }

 private:
  __attribute__((always_inline)) void FetchScales(int64_t place, const LinearTiles& rows) const {
    const int64_t columns = rows.groups * kPanelOutputs;
    if (matrix.float_scale == nullptr) Fetch(matrix.scale + place * columns, columns);
  }

  LinearDotArgs Arguments(int64_t place, const LinearTiles& rows, int64_t tile, float* out,
                          int64_t out_stride) const {
    const int64_t columns = rows.groups * kPanelOutputs;
    LinearDotArgs args = {};
    args.weight = matrix.weight + place * PanelBytes(rows.groups * rows.group_size);
    args.groups = rows.groups;
    args.ahead = args.weight;
    args.tile = rows.tile(tile);
    args.out = out;
    args.out_stride = out_stride;
    args.group = rows.group_size;
    if (matrix.float_scale == nullptr) {
      args.scale = matrix.scale + place * columns;
    } else {
      args.float_scale = matrix.float_scale + place * columns;
    }
    if (matrix.zero != nullptr) args.zero = matrix.zero + place * columns;
    return args;
  }
};

// Whether an expert's rows are one, whose panels are read two at a time.
bool ReadsTwoPanels(const LinearTiles& rows, const KernelTable& kernels) {
  return rows.rows == 1 && kernels.dot_two_panels != nullptr;
}

// body(run, task, next_expert, worker) for tasks 0..tasks-1 of every run; `next_expert` is that of the task after this one,
// which mostly is the thread's next.
template <class Body>
void ForRuns(const Dispatch& dispatch, int64_t tasks, const Parallel& parallel, const Body& body) {
  const int64_t count = dispatch.num_runs * tasks;
  ParallelFor(parallel, count, [&](int64_t index, int worker) {
    const int64_t next = std::min(index + 1, count - 1);
    body(dispatch.runs[index / tasks], index % tasks, dispatch.runs[next / tasks].expert, worker);
  });
}

void QuantizeTokens(const float* x, int64_t tokens, int64_t hidden, const Dispatch& dispatch,
                    const TiledRows& to, const KernelTable& kernels, const Parallel& parallel) {
  // A token's rows take less time than waking a thread.
  const Parallel alone = {1, nullptr, nullptr};
  ForRuns(dispatch, 1, tokens > 1 ? parallel : alone, [&](const ExpertRows& run, int64_t, int64_t, int) {
    // As the first kind has them, whoever writes.
    const LinearTiles tiles = to.Of(RangeOf(run), 0);
    for (int64_t i = 0; i < tiles.count; ++i) {
      const LinearTile tile = tiles.tile(i);
      for (int64_t t = 0; t < tile.tokens; ++t) {
        const int64_t row = tiles.first_row(i) + t;
        const float* from = x + dispatch.row_token[run.begin + row] * hidden;
        QuantizeGroups(from, to.groups(), to.group_size(), tile, t, 0, kernels);
        to.CopyGroups(RangeOf(run), 0, row, 0, to.groups());
      }
    }
  });
}

// A task is some of the gate's panels, as many of the up matrix, and the groups of their quantised product.
void ProjectGateUp(const Projection& projection, int64_t width, const Dispatch& dispatch, const TiledRows& x,
                   const TiledRows& activated, const KernelSet& kernels, const Parallel& parallel) {
  const int64_t gates = width / kPanelOutputs, tasks = DivideUp(gates, kGatePanels);
  ForRuns(
      dispatch, tasks, parallel, [&](const ExpertRows& run, int64_t task, int64_t next_expert, int worker) {
        const int kind = kernels.KindOf(worker);
        const KernelTable& table = kernels.OfKind(kind);
        const LinearTiles from = x.Of(RangeOf(run), kind), to = activated.Of(RangeOf(run), kind);
        const int64_t first = task * kGatePanels, end = std::min(gates, first + kGatePanels);
        const int64_t next_task = projection.Place(next_expert, end < gates ? end : 0);
        for (int64_t i = 0; i < from.count; ++i) {
          float products[2][kLargestLinearTile * kWidestGroup];
          const auto place_of = [&](int64_t up, int64_t panel) {
            return projection.Place(run.expert, up * gates + panel);
          };
          if (ReadsTwoPanels(from, table)) {
            for (int64_t panel = first; panel < end; ++panel) {
              const int64_t at = (panel - first) * kPanelOutputs;
              projection.RunTwo({place_of(0, panel), place_of(1, panel)}, from, table,
                                {products[0] + at, products[1] + at});
            }
          } else {
            for (const int64_t up : {0, 1}) {
              for (int64_t panel = first; panel < end; ++panel) {
                const int64_t next = panel + 1 < end ? place_of(up, panel + 1)
                                     : up            ? next_task
                                                     : place_of(1, first);
                projection.Run(place_of(up, panel), next, from, i, table,
                               products[up] + (panel - first) * kPanelOutputs, kWidestGroup);
              }
            }
          }
          const int64_t outputs = (end - first) * kPanelOutputs, group_size = activated.group_size();
          const int64_t groups = outputs / group_size, first_group = first * kPanelOutputs / group_size;
          const LinearTile tile = to.tile(i);
          for (int64_t t = 0; t < tile.tokens; ++t) {
            float product[kWidestGroup];
            table.swiglu(products[0] + t * kWidestGroup, products[1] + t * kWidestGroup, outputs, product);
            QuantizeGroups(product, groups, group_size, tile, t, first_group, table);
            activated.CopyGroups(RangeOf(run), kind, to.first_row(i) + t, first_group, groups);
          }
        }
      });
}

void ProjectDown(const Projection& projection, int64_t hidden, const Dispatch& dispatch,
                 const TiledRows& activated, const KernelSet& kernels, const Parallel& parallel, float* out) {
  const int64_t panels = hidden / kPanelOutputs;
  ForRuns(dispatch, DivideUp(panels, kDownPanels), parallel,
          [&](const ExpertRows& run, int64_t task, int64_t next_expert, int worker) {
            const LinearTiles from = activated.Of(RangeOf(run), kernels.KindOf(worker));
            const KernelTable& table = kernels.ForWorker(worker);
            if (panels % 2 == 0 && ReadsTwoPanels(from, table)) {
              // Two streams, half of the matrix apart.
              const int64_t half = panels / 2, first = task * kDownPanels / 2,
                            last = std::min(half, first + kDownPanels / 2);
              for (int64_t panel = first; panel < last; ++panel) {
                const int64_t place = projection.Place(run.expert, panel);
                float* to = out + run.begin * hidden + panel * kPanelOutputs;
                projection.RunTwo({place, place + half}, from, table, {to, to + half * kPanelOutputs});
              }
              return;
            }
            const int64_t end = std::min(panels, (task + 1) * kDownPanels);
            for (int64_t panel = task * kDownPanels; panel < end; ++panel) {
              const int64_t place = projection.Place(run.expert, panel);
              const int64_t next = panel + 1 < panels ? place + 1 : projection.Place(next_expert, 0);
              for (int64_t i = 0; i < from.count; ++i) {
                const int64_t row = run.begin + from.first_row(i);
                projection.Run(place, next, from, i, table, out + row * hidden + panel * kPanelOutputs,
                               hidden);
              }
            }
          });
}

// x and out are those of the chunk's first token.
void RunChunk(const MoeFfnInArgs& args, int64_t tokens, const float* x, float* out, const KernelSet& kernels,
              const Parallel& parallel, Buffers& buffers) {
  const MoeFfnShape& shape = args.shape;
  const int64_t hidden = shape.hidden_size, width = shape.intermediate_size;
  const Dispatch& dispatch = buffers.routed.dispatch;
  RouteTokens({args.router_weight, args.expert_bias, shape.num_experts, hidden, shape.top_k, args.router,
               args.observer},
              x, tokens, kernels, parallel, buffers.routed);
  QuantizeTokens(x, tokens, hidden, dispatch, buffers.x, kernels.first(), parallel);
  ProjectGateUp({args.gate_up, 2 * width / kPanelOutputs}, width, dispatch, buffers.x, buffers.activated,
                kernels, parallel);
  ProjectDown({args.down, hidden / kPanelOutputs}, hidden, dispatch, buffers.activated, kernels, parallel,
              buffers.down);
  CombineTokens(buffers.routed, buffers.down, tokens, shape.top_k, hidden, kernels.first(), parallel, out);
}

}  // namespace

const char* CheckMoeFfnIn(const MoeFfnShape& shape, int64_t group_size) {
  if (group_size != 32 && group_size != 64 && group_size != 128) return "group_size must be 32, 64 or 128";
  if (const char* problem = CheckMoeFfn(shape)) return problem;
  if (shape.hidden_size % group_size != 0) return "hidden_size must be a multiple of group_size";
  if (shape.intermediate_size % group_size != 0) return "intermediate_size must be a multiple of group_size";
  return nullptr;
}

size_t MoeFfnInWorkspaceBytes(const MoeFfnShape& shape, int64_t group_size, const KernelSet& kernels,
                              int num_workers) {
  Arena arena(nullptr);
  TakeBuffers(arena, shape, group_size, kernels, num_workers);
  return arena.used();
}

void MoeFfnIn(const MoeFfnInArgs& args, const KernelSet& kernels, const Parallel& parallel, void* workspace) {
  const MoeFfnShape& shape = args.shape;
  Arena arena(workspace);
  Buffers buffers = TakeBuffers(arena, shape, args.group_size, kernels, parallel.num_workers);
  const int64_t chunk = ChunkTokens(shape.num_tokens, shape.top_k);
  for (int64_t first = 0; first < shape.num_tokens; first += chunk) {
    const int64_t tokens = std::min(chunk, shape.num_tokens - first);
    RunChunk(args, tokens, args.x + first * shape.hidden_size, args.out + first * shape.hidden_size, kernels,
             parallel, buffers);
  }
}

}  // namespace mmoe
