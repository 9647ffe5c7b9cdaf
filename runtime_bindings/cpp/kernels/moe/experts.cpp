#include "kernels/moe/experts.h"

#include <algorithm>

#include "kernels/moe/panel_dot.h"
#include "kernels/panel.h"

namespace mmoe {
namespace {

// Panels of a task: of the down matrix, and of the gate with as many of the up matrix. What is fetched ahead
// is the thread's next panel, so neighbours belong to one thread: one token streams 19 GB/s with 2 panels and
// 22 GB/s with 4 or 6.
constexpr int64_t kDownPanels = 6;
constexpr int64_t kGatePanels = 3;

// Rows of an expert that are few: as most experts of a call of up to nine tokens have.
constexpr int64_t kFewRows = 3;

constexpr int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Some panels of one expert's matrix, and rows that meet them.
struct Task {
  ExpertRows rows;
  int64_t first_output;
  int64_t count;
  int64_t panels[kMaxPanels];  // of the expert's
};

// A matrix and what a worker makes its products with.
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
    return task.rows.expert * (matrix.outputs / kPanelOutputs) + task.panels[p];
  }
};

// The arrays that panel p of a task is quantised to.
int64_t QuantizedPlace(const KernelTable& kernels, int64_t p) {
  return kernels.panel_dots == nullptr ? p % 2 : p;
}

// Those of panel p of the task.
int16_t* ScalesOf(const ExpertScratch& scratch, int64_t p) { return scratch.scales + p * scratch.stride; }

// The tile's rows and where they go for panel p of the task, whose scales are int16 already.
inline QuantizeTileArgs TileOf(const Projection& projection, const Task& task, int64_t p, const Tile& tile,
                               const ExpertScratch& scratch) {
  const QuantizedTile& to = scratch.quantized[QuantizedPlace(projection.kernels, p)];
  return {scratch.rows,
          scratch.row_scales,
          ScalesOf(scratch, p),
          scratch.scales_of_scales[p],
          scratch.exact_rows,
          projection.Scale(task, p),
          projection.matrix.inputs,
          tile.tokens,
          to.activations,
          to.activation_scales,
          to.sums};
}

// What quantises the tile's rows for panel p of the task; its scales become int16 with the task's first tile.
inline QuantizeTileArgs Quantization(const Projection& projection, const Task& task, int64_t p,
                                     const Tile& tile, const ExpertScratch& scratch) {
  if (tile.index == 0) {
    scratch.scales_of_scales[p] = projection.kernels.quantize_scales(
        projection.Scale(task, p), projection.matrix.inputs, ScalesOf(scratch, p));
  }
  return TileOf(projection, task, p, tile, scratch);
}

// Panel p of a task.
struct TaskPanel {
  const Task& task;
  int64_t p;
};

// The panel `distance` behind panel p of `task`, of `task` itself or of the thread's `next`.
TaskPanel Following(const Task& task, const Task& next, int64_t p, int64_t distance) {
  if (p + distance < task.count) return {task, p + distance};
  return {next, std::min(p + distance - task.count, next.count - 1)};
}

// What is fetched beside panel p of a task: weights for its products, scales for what is quantised before those.
struct Ahead {
  TaskPanel weights;
  TaskPanel scales;
};

// An expert that few rows meet stands between others that one row alone meets, and fetches what they do: the next panel, which
// their tasks leave to it and expect of it. Of many rows' tasks each fetches the thread's next one.
Ahead AheadOf(const Projection& projection, const Task& task, const Task& next, int64_t p, const Tile& tile) {
  if (projection.kernels.panel_dots == nullptr && tile.tiles == 1 && tile.tokens <= kFewRows) {
    return {Following(task, next, p, 1), Following(task, next, p, 2)};
  }
  const TaskPanel same = {next, std::min(p, next.count - 1)};
  return {same, same};
}

// Inlined early, or GCC drops the call: it takes a function that only fetches for one without effect.
__attribute__((always_inline)) inline void FetchScales(const Projection& projection, const TaskPanel& panel,
                                                       const Tile& tile) {
  const int64_t bytes = projection.matrix.inputs * int64_t{sizeof(uint16_t)} / tile.tiles;
  const char* from =
      reinterpret_cast<const char*>(projection.Scale(panel.task, panel.p)) + tile.index * bytes;
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(from + i);
}

// The product of the tile with panel p, which is quantised already. Before anything else: memory must not pause while
// scales and rows are quantised. Each of several tiles fetches a share of the same panel.
PanelDotArgs Product(const Projection& projection, const Task& task, const Task& next, int64_t p,
                     const Tile& tile, const ExpertScratch& scratch) {
  const int64_t inputs = projection.matrix.inputs;
  const Ahead ahead = AheadOf(projection, task, next, p, tile);
  FetchScales(projection, ahead.scales, tile);
  const QuantizedTile& from = scratch.quantized[QuantizedPlace(projection.kernels, p)];
  return {
      projection.Weight(task, p),
      inputs,
      from.activations,
      tile.tokens,
      from.activation_scales,
      from.sums,
      scratch.outputs,
      projection.Weight(ahead.weights.task, ahead.weights.p) + PanelBytes(inputs) * tile.index / tile.tiles,
      kPanelBlockBytes / tile.tiles};
}

// The same for an expert's only row, which waits for memory. So what it needs next comes first: the panel after this one,
// and the scales of the one after that, which become int16 before.
void ProjectOneRow(const Projection& projection, const Task& task, const Task& next, const Tile& tile,
                   const ExpertScratch& scratch) {
  constexpr int64_t kAheadStep = kPanelBlockBytes * (kOneRowShares - kOneRowPasses) / kOneRowShares;
  const int64_t inputs = projection.matrix.inputs;
  for (int64_t p = 0; p < task.count; ++p) {
    const TaskPanel second = Following(task, next, p, 2), first = Following(task, next, p, 1);
    const uint8_t* ahead = projection.Weight(first.task, first.p);
    projection.kernels.quantize_one_row({TileOf(projection, task, p, tile, scratch), ScalesOf(scratch, p),
                                         ahead, projection.Scale(second.task, second.p)});
    const QuantizedTile& from = scratch.quantized[QuantizedPlace(projection.kernels, p)];
    projection.kernels.panel_dot({projection.Weight(task, p), inputs, from.activations, tile.tokens,
                                  from.activation_scales, from.sums, scratch.outputs,
                                  ahead + OneRowAheadBytes(inputs), kAheadStep});
    scratch.outputs[0] += kPanelOutputs;
  }
}

// Products of the tile with all panels of the task, to scratch.outputs, which may move on from panel to panel.
// `next` is the thread's next task.
void ProjectTile(const Projection& projection, const Task& task, const Task& next, const Tile& tile,
                 const ExpertScratch& scratch) {
  if (tile.tokens == 1 && tile.tiles == 1) return ProjectOneRow(projection, task, next, tile, scratch);
  if (projection.kernels.panel_dots != nullptr && tile.tokens > 1) {
    PanelDotArgs products[kMaxPanels];
    for (int64_t p = 0; p < task.count; ++p) {
      products[p] = Product(projection, task, next, p, tile, scratch);
      projection.kernels.quantize_tile(Quantization(projection, task, p, tile, scratch));
    }
    projection.kernels.panel_dots(products, task.count);
    return;
  }
  projection.kernels.quantize_tile(Quantization(projection, task, 0, tile, scratch));
  for (int64_t p = 0; p < task.count; ++p) {
    const PanelDotArgs product = Product(projection, task, next, p, tile, scratch);
    if (p + 1 < task.count) {
      projection.kernels.panel_dot_and_quantize(product, Quantization(projection, task, p + 1, tile, scratch),
                                                scratch.scaled);
    } else {
      projection.kernels.panel_dot(product);
    }
    for (int t = 0; t < tile.tokens; ++t) scratch.outputs[t] += kPanelOutputs;
  }
}

// Runs tasks 0..count-1, task_at(index); row(r) is what row r of the dispatch is of x. The products
// of a tile's row t go to output(task, tile, t, scratch); then finish(task, tile, scratch) is called.
template <class TaskAt, class Row, class Output, class Finish>
void RunTasks(const ExpertMatrix& matrix, int64_t count, const QuantizedRows& x, const KernelSet& kernels,
              const Parallel& parallel, const ExpertScratch* worker_scratch, const TaskAt& task_at,
              const Row& row, const Output& output, const Finish& finish) {
  ParallelFor(parallel, count, [&](int64_t index, int worker) {
    const Projection projection = {matrix, kernels.ForWorker(worker)};
    const int16_t* values = x.values[kernels.KindOf(worker)];
    const ExpertScratch& scratch = worker_scratch[worker];
    const Task task = task_at(index), next = task_at(std::min(index + 1, count - 1));
    const int64_t tiles = DivideUp(task.rows.end - task.rows.begin, projection.kernels.token_tile);
    for (int64_t i = 0; i < tiles; ++i) {
      const Tile tile = TileAt(task.rows, i, tiles);
      for (int t = 0; t < tile.tokens; ++t) {
        const int64_t from = row(tile.first + t);
        scratch.rows[t] = values + from * x.stride;
        scratch.row_scales[t] = x.row_scales[from];
        scratch.exact_rows[t] = x.exact + from * x.width;
        scratch.outputs[t] = output(task, tile, t, scratch);
      }
      ProjectTile(projection, task, next, tile, scratch);
      finish(task, tile, scratch);
    }
  });
}

}  // namespace

QuantizedRows TakeQuantizedRows(Arena& arena, int64_t rows, int64_t width, const KernelSet& kernels) {
  QuantizedRows taken = {};
  taken.stride = PaddedInputs(width);
  taken.width = width;
  for (int kind = 0; kind < kernels.kinds(); ++kind) {
    const bool shared = kind > 0 && kernels.OfKind(kind).int16_order == kernels.OfKind(0).int16_order;
    taken.values[kind] = shared ? taken.values[0] : arena.Take<int16_t>(rows * taken.stride);
  }
  taken.row_scales = arena.Take<float>(rows);
  return taken;
}

void FillQuantizedRow(const QuantizedRows& rows, int64_t row, const KernelSet& kernels) {
  for (int kind = 0; kind < kernels.kinds(); ++kind) {
    if (kind > 0 && rows.values[kind] == rows.values[0]) continue;
    rows.row_scales[row] = kernels.OfKind(kind).quantize_row(rows.exact + row * rows.width, rows.width,
                                                             rows.values[kind] + row * rows.stride);
  }
}

ExpertScratch TakeExpertScratch(Arena& arena, int64_t max_inputs, const KernelTable& kernels) {
  const int64_t tokens = kernels.token_tile;
  ExpertScratch scratch;
  scratch.stride = PaddedInputs(max_inputs);
  scratch.scales = arena.Take<int16_t>(kMaxPanels * scratch.stride);
  scratch.scales_of_scales = arena.Take<float>(kMaxPanels);
  scratch.rows = arena.Take<const int16_t*>(tokens);
  scratch.row_scales = arena.Take<float>(tokens);
  scratch.exact_rows = arena.Take<const float*>(tokens);
  for (int64_t i = 0; i < (kernels.panel_dots == nullptr ? 2 : kMaxPanels); ++i) {
    QuantizedTile& tile = scratch.quantized[i];
    tile.activations = arena.Take<int8_t>(tokens * scratch.stride);
    tile.activation_scales = arena.Take<float>(tokens);
    tile.sums = arena.Take<int32_t>(tokens);
  }
  scratch.scaled = arena.Take<int16_t>(scratch.stride);
  scratch.outputs = arena.Take<float*>(tokens);
  scratch.products = arena.Take<float>(tokens * kMaxPanels * kPanelOutputs);
  return scratch;
}

void ProjectGateUp(const ExpertMatrix& gate_up, const Dispatch& dispatch, const QuantizedRows& x,
                   const KernelSet& kernels, const Parallel& parallel, const ExpertScratch* worker_scratch,
                   float* out) {
  const int64_t width = gate_up.outputs / 2;
  const int64_t tasks = DivideUp(width, kGatePanels * kPanelOutputs);
  const auto width_of = [&](const Task& task) {
    return std::min(kGatePanels * kPanelOutputs, width - task.first_output);
  };
  const auto task_at = [&](int64_t index) {
    Task task = {dispatch.runs[index / tasks], index % tasks * kGatePanels * kPanelOutputs, 0, {}};
    const int64_t end = task.first_output + width_of(task);
    // The gate's outputs first_output..end-1, and those of the up matrix, which begins at `width`.
    for (const int64_t begin : {int64_t{0}, width}) {
      const int64_t first = (begin + task.first_output) / kPanelOutputs;
      for (int64_t p = first; p < DivideUp(begin + end, kPanelOutputs); ++p) task.panels[task.count++] = p;
    }
    return task;
  };
  RunTasks(
      gate_up, dispatch.num_runs * tasks, x, kernels, parallel, worker_scratch, task_at,
      [&](int64_t row) { return int64_t{dispatch.row_token[row]}; },
      [](const Task&, const Tile&, int t, const ExpertScratch& scratch) {
        return scratch.products + t * kMaxPanels * kPanelOutputs;
      },
      [&](const Task& task, const Tile& tile, const ExpertScratch& scratch) {
        const int64_t gate_panels = DivideUp(width_of(task), kPanelOutputs);
        const int64_t up = gate_panels * kPanelOutputs + (width + task.first_output) % kPanelOutputs;
        for (int t = 0; t < tile.tokens; ++t) {
          const float* products = scratch.products + t * kMaxPanels * kPanelOutputs;
          kernels.first().swiglu(products, products + up, width_of(task),
                                 out + (tile.first + t) * width + task.first_output);
        }
      });
}

void ProjectDown(const ExpertMatrix& down, const Dispatch& dispatch, const QuantizedRows& x,
                 const KernelSet& kernels, const Parallel& parallel, const ExpertScratch* worker_scratch,
                 float* out) {
  const int64_t panels = down.outputs / kPanelOutputs;
  const int64_t tasks = DivideUp(panels, kDownPanels);
  const auto task_at = [&](int64_t index) {
    const int64_t first = index % tasks * kDownPanels;
    Task task = {dispatch.runs[index / tasks], first * kPanelOutputs, 0, {}};
    for (int64_t p = first; p < std::min(panels, first + kDownPanels); ++p) task.panels[task.count++] = p;
    return task;
  };
  RunTasks(
      down, dispatch.num_runs * tasks, x, kernels, parallel, worker_scratch, task_at,
      [](int64_t row) { return row; },
      [&](const Task& task, const Tile& tile, int t, const ExpertScratch&) {
        return out + (tile.first + t) * down.outputs + task.first_output;
      },
      [](const Task&, const Tile&, const ExpertScratch&) {});
}

}  // namespace mmoe
