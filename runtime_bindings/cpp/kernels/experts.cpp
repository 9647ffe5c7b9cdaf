#include "experts.h"

#include <algorithm>

#include "panel.h"

namespace mmoe {
namespace {

// Panels of a task. What is fetched ahead of a panel is the next one, so neighbours belong to one thread: one
// token streams 19 GB/s with 2 panels and 22 GB/s with 4 or 6.
constexpr int64_t kPanelsPerTask = 6;

// Rows that stay in the L1 cache while they are quantised for all panels of a task.
constexpr int64_t kCachedRows = 4;

// Consecutive panels of an expert's matrix.
struct Panels {
  const uint8_t* weight;
  const uint16_t* scale;
  int64_t first;  // of the expert's
  int64_t count;
};

// One tile: rows first..first+tokens-1 of the dispatch.
struct Tile {
  int64_t first;
  int tokens;
};

void Fetch(const void* from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(static_cast<const char*>(from) + i);
}

// The tile once for each panel, since each has its own scales.
void QuantizeTile(const ExpertMatrix& matrix, const Panels& panels, const Tile& tile,
                  const KernelTable& kernels, const ExpertScratch& scratch) {
  for (int64_t row = 0; row < tile.tokens; row += kCachedRows) {
    for (int64_t p = 0; p < panels.count; ++p) {
      const int64_t at = p * kernels.token_tile + row;
      kernels.quantize_activations(scratch.rows + row, panels.scale + p * matrix.inputs, matrix.inputs,
                                   std::min(kCachedRows, tile.tokens - row),
                                   scratch.activations + p * scratch.tile_bytes + row * kActivationChunk,
                                   tile.tokens * kActivationChunk, scratch.steps + at, scratch.sums + at);
    }
  }
}

void ProjectTile(const ExpertMatrix& matrix, const Panels& panels, const Tile& tile,
                 const KernelTable& kernels, const ExpertScratch& scratch, float* out) {
  QuantizeTile(matrix, panels, tile, kernels, scratch);
  // What follows these scales; what follows these weights is fetched by panel_dot.
  Fetch(panels.scale + panels.count * matrix.inputs, matrix.inputs * int64_t{sizeof *panels.scale});
  for (int64_t p = 0; p < panels.count; ++p) {
    for (int t = 0; t < tile.tokens; ++t) {
      scratch.outputs[t] = out + (tile.first + t) * matrix.outputs + (panels.first + p) * kPanelOutputs;
    }
    kernels.panel_dot(panels.weight + p * PanelBytes(matrix.inputs), matrix.inputs,
                      scratch.activations + p * scratch.tile_bytes, tile.tokens,
                      scratch.steps + p * kernels.token_tile, scratch.sums + p * kernels.token_tile,
                      scratch.outputs);
  }
}

// All rows of one expert through some panels, in tiles of equal size.
void ProjectPanels(const ExpertMatrix& matrix, int64_t expert, int64_t first, int64_t count,
                   const Dispatch& dispatch, const float* x, bool by_token, const KernelTable& kernels,
                   const ExpertScratch& scratch, float* out) {
  const int64_t begin = dispatch.expert_begin[expert], rows = dispatch.expert_begin[expert + 1] - begin;
  const int64_t tiles = (rows + kernels.token_tile - 1) / kernels.token_tile;
  // A single row waits for memory, which must not pause while it is quantised.
  const int64_t together = rows == 1 ? 1 : count;
  for (int64_t index = 0; index < tiles; ++index) {
    const int64_t skipped = rows * index / tiles;
    const Tile tile = {begin + skipped, static_cast<int>(rows * (index + 1) / tiles - skipped)};
    for (int t = 0; t < tile.tokens; ++t) {
      const int64_t row = tile.first + t;
      scratch.rows[t] = x + (by_token ? dispatch.row_token[row] : row) * matrix.inputs;
    }
    for (int64_t panel = first; panel < first + count; panel += together) {
      const int64_t place = expert * (matrix.outputs / kPanelOutputs) + panel;
      const Panels panels = {matrix.weight + place * PanelBytes(matrix.inputs),
                             matrix.scale + place * matrix.inputs, panel, together};
      ProjectTile(matrix, panels, tile, kernels, scratch, out);
    }
  }
}

}  // namespace

ExpertScratch TakeExpertScratch(Arena& arena, int64_t max_inputs, const KernelTable& kernels) {
  ExpertScratch scratch;
  scratch.tile_bytes = ActivationChunks(max_inputs) * kActivationChunk * kernels.token_tile;
  scratch.rows = arena.Take<const float*>(kernels.token_tile);
  scratch.activations = arena.Take<int8_t>(scratch.tile_bytes * kPanelsPerTask);
  scratch.steps = arena.Take<float>(kernels.token_tile * kPanelsPerTask);
  scratch.sums = arena.Take<int32_t>(kernels.token_tile * kPanelsPerTask);
  scratch.outputs = arena.Take<float*>(kernels.token_tile);
  return scratch;
}

void ProjectExperts(const ExpertMatrix& matrix, const Dispatch& dispatch, const float* x, bool by_token,
                    const KernelTable& kernels, const Parallel& parallel, const ExpertScratch* worker_scratch,
                    float* out) {
  const int64_t panels = matrix.outputs / kPanelOutputs;
  const int64_t tasks = (panels + kPanelsPerTask - 1) / kPanelsPerTask;
  ParallelFor(parallel, dispatch.num_active * tasks, [&](int64_t task, int worker) {
    const int64_t first = task % tasks * kPanelsPerTask;
    ProjectPanels(matrix, dispatch.active[task / tasks], first, std::min(kPanelsPerTask, panels - first),
                  dispatch, x, by_token, kernels, worker_scratch[worker], out);
  });
}

}  // namespace mmoe
