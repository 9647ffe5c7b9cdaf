#include "experts.h"

#include <algorithm>

#include "panel.h"
#include "panel_dot.h"

namespace mmoe {
namespace {

// Panels of a task: of the down matrix, and of the gate with as many of the up matrix. What is fetched ahead
// is the thread's next panel, so neighbours belong to one thread: one token streams 19 GB/s with 2 panels and
// 22 GB/s with 4 or 6.
constexpr int64_t kDownPanels = 6;
constexpr int64_t kGatePanels = 3;

// One more than twice the gate's: where the up matrix begins in the middle of a panel.
constexpr int64_t kMaxPanels = 7;

// Rows that stay in the L1 cache while they are quantised for all panels of a task.
constexpr int64_t kCachedRows = 4;

constexpr int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Some panels of one expert's matrix.
struct Task {
  int64_t expert;
  int64_t first_output;
  int64_t count;
  int64_t panels[kMaxPanels];  // of the expert's
};

// One tile: rows first..first+tokens-1 of the dispatch, the index-th of several tiles of equal size.
struct Tile {
  int64_t first;
  int tokens;
  int64_t index, tiles;
};

Tile TileAt(const Dispatch& dispatch, int64_t expert, int64_t index, int64_t tiles) {
  const int64_t begin = dispatch.expert_begin[expert], rows = dispatch.expert_begin[expert + 1] - begin;
  const int64_t skipped = rows * index / tiles;
  return {begin + skipped, static_cast<int>(rows * (index + 1) / tiles - skipped), index, tiles};
}

// A matrix and what its products are made with.
struct Projection {
  const ExpertMatrix& matrix;
  const KernelTable& kernels;

  // Of panel p of a task.
  const uint8_t* Weight(const Task& task, int64_t p) const {
    return matrix.weight + Place(task, p) * PanelBytes(matrix.inputs);
  }
  const uint16_t* Scale(const Task& task, int64_t p) const {
    return matrix.scale + Place(task, p) * matrix.inputs;
  }

 private:
  int64_t Place(const Task& task, int64_t p) const {
    return task.expert * (matrix.outputs / kPanelOutputs) + task.panels[p];
  }
};

// The tile once for each panel p in begin..end-1, since each has its own scales.
void QuantizeTile(const Projection& projection, const Task& task, int64_t begin, int64_t end,
                  const Tile& tile, const ExpertScratch& scratch) {
  const int64_t inputs = projection.matrix.inputs;
  for (int64_t row = 0; row < tile.tokens; row += kCachedRows) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t at = p * projection.kernels.token_tile + row;
      projection.kernels.quantize_activations(
          scratch.rows + row, projection.Scale(task, p), inputs, std::min(kCachedRows, tile.tokens - row),
          scratch.activations + p * scratch.tile_bytes + row * kActivationChunk,
          tile.tokens * kActivationChunk, scratch.steps + at, scratch.sums + at);
    }
  }
}

void Fetch(const void* from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(static_cast<const char*>(from) + i);
}

// Panel p of the task; each tile fetches its share of panel `ahead` of another one.
void MultiplyTile(const Projection& projection, const Task& task, int64_t p, const Task& other, int64_t ahead,
                  const Tile& tile, const ExpertScratch& scratch) {
  const int64_t inputs = projection.matrix.inputs, token_tile = projection.kernels.token_tile;
  const int64_t scale_bytes = inputs * int64_t{sizeof(uint16_t)} / tile.tiles;
  Fetch(reinterpret_cast<const char*>(projection.Scale(other, ahead)) + tile.index * scale_bytes,
        scale_bytes);
  for (int t = 0; t < tile.tokens; ++t) {
    scratch.outputs[t] = scratch.products + (t * kMaxPanels + p) * kPanelOutputs;
  }
  projection.kernels.panel_dot(
      {projection.Weight(task, p), inputs, scratch.activations + p * scratch.tile_bytes, tile.tokens,
       scratch.steps + p * token_tile, scratch.sums + p * token_tile, scratch.outputs,
       projection.Weight(other, ahead) + PanelBytes(inputs) * tile.index / tile.tiles,
       kPanelBlockBytes / tile.tiles});
}

// Products of the tile with all panels of the task, in scratch.products. `next` is the thread's next task.
void ProjectTile(const Projection& projection, const Task& task, const Task& next, const Tile& tile,
                 const ExpertScratch& scratch) {
  // A single row waits for memory, which must not pause while it is quantised.
  if (tile.tokens == 1 && tile.tiles == 1) {
    for (int64_t p = 0; p < task.count; ++p) {
      QuantizeTile(projection, task, p, p + 1, tile, scratch);
      const bool last = p + 1 == task.count;
      MultiplyTile(projection, task, p, last ? next : task, last ? 0 : p + 1, tile, scratch);
    }
    return;
  }
  QuantizeTile(projection, task, 0, task.count, tile, scratch);
  for (int64_t p = 0; p < task.count; ++p) {
    MultiplyTile(projection, task, p, next, std::min(p, next.count - 1), tile, scratch);
  }
}

// Runs tasks 0..count-1, task_at(index); row(r) is where row r of the dispatch begins, finish(task, tile,
// scratch) takes the products of one tile.
template <class TaskAt, class Row, class Finish>
void RunTasks(const Projection& projection, int64_t count, const Dispatch& dispatch, const Parallel& parallel,
              const ExpertScratch* worker_scratch, const TaskAt& task_at, const Row& row,
              const Finish& finish) {
  ParallelFor(parallel, count, [&](int64_t index, int worker) {
    const ExpertScratch& scratch = worker_scratch[worker];
    const Task task = task_at(index), next = task_at(std::min(index + 1, count - 1));
    const int64_t rows = dispatch.expert_begin[task.expert + 1] - dispatch.expert_begin[task.expert];
    const int64_t tiles = DivideUp(rows, projection.kernels.token_tile);
    for (int64_t i = 0; i < tiles; ++i) {
      const Tile tile = TileAt(dispatch, task.expert, i, tiles);
      for (int t = 0; t < tile.tokens; ++t) scratch.rows[t] = row(tile.first + t);
      ProjectTile(projection, task, next, tile, scratch);
      finish(task, tile, scratch);
    }
  });
}

}  // namespace

ExpertScratch TakeExpertScratch(Arena& arena, int64_t max_inputs, const KernelTable& kernels) {
  ExpertScratch scratch;
  scratch.tile_bytes = ActivationChunks(max_inputs) * kActivationChunk * kernels.token_tile;
  scratch.rows = arena.Take<const float*>(kernels.token_tile);
  scratch.activations = arena.Take<int8_t>(scratch.tile_bytes * kMaxPanels);
  scratch.steps = arena.Take<float>(kernels.token_tile * kMaxPanels);
  scratch.sums = arena.Take<int32_t>(kernels.token_tile * kMaxPanels);
  scratch.outputs = arena.Take<float*>(kernels.token_tile);
  scratch.products = arena.Take<float>(kernels.token_tile * kMaxPanels * kPanelOutputs);
  return scratch;
}

void ProjectGateUp(const ExpertMatrix& gate_up, const Dispatch& dispatch, const float* x,
                   const KernelTable& kernels, const Parallel& parallel, const ExpertScratch* worker_scratch,
                   float* out) {
  const int64_t width = gate_up.outputs / 2;
  const int64_t tasks = DivideUp(width, kGatePanels * kPanelOutputs);
  const auto width_of = [&](const Task& task) {
    return std::min(kGatePanels * kPanelOutputs, width - task.first_output);
  };
  const auto task_at = [&](int64_t index) {
    Task task = {dispatch.active[index / tasks], index % tasks * kGatePanels * kPanelOutputs, 0, {}};
    const int64_t end = task.first_output + width_of(task);
    // The gate's outputs first_output..end-1, and those of the up matrix, which begins at `width`.
    for (const int64_t begin : {int64_t{0}, width}) {
      const int64_t first = (begin + task.first_output) / kPanelOutputs;
      for (int64_t p = first; p < DivideUp(begin + end, kPanelOutputs); ++p) task.panels[task.count++] = p;
    }
    return task;
  };
  RunTasks(
      {gate_up, kernels}, dispatch.num_active * tasks, dispatch, parallel, worker_scratch, task_at,
      [&](int64_t row) { return x + dispatch.row_token[row] * gate_up.inputs; },
      [&](const Task& task, const Tile& tile, const ExpertScratch& scratch) {
        const int64_t gate_panels = DivideUp(width_of(task), kPanelOutputs);
        const int64_t up = gate_panels * kPanelOutputs + (width + task.first_output) % kPanelOutputs;
        for (int t = 0; t < tile.tokens; ++t) {
          const float* products = scratch.products + t * kMaxPanels * kPanelOutputs;
          kernels.swiglu(products, products + up, width_of(task),
                         out + (tile.first + t) * width + task.first_output);
        }
      });
}

void ProjectDown(const ExpertMatrix& down, const Dispatch& dispatch, const float* x,
                 const KernelTable& kernels, const Parallel& parallel, const ExpertScratch* worker_scratch,
                 float* out) {
  const int64_t panels = down.outputs / kPanelOutputs;
  const int64_t tasks = DivideUp(panels, kDownPanels);
  const auto task_at = [&](int64_t index) {
    const int64_t first = index % tasks * kDownPanels;
    Task task = {dispatch.active[index / tasks], first * kPanelOutputs, 0, {}};
    for (int64_t p = first; p < std::min(panels, first + kDownPanels); ++p) task.panels[task.count++] = p;
    return task;
  };
  RunTasks(
      {down, kernels}, dispatch.num_active * tasks, dispatch, parallel, worker_scratch, task_at,
      [&](int64_t row) { return x + row * down.inputs; },
      [&](const Task& task, const Tile& tile, const ExpertScratch& scratch) {
        for (int t = 0; t < tile.tokens; ++t) {
          const float* products = scratch.products + t * kMaxPanels * kPanelOutputs;
          std::copy_n(products, task.count * kPanelOutputs,
                      out + (tile.first + t) * down.outputs + task.first_output);
        }
      });
}

}  // namespace mmoe
