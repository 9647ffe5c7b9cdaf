#include "linear.h"

#include <algorithm>
#include <cstring>

namespace mmoe {
namespace {

// Tokens whose quantised activations stay in the second-level cache while all panels pass.
constexpr int64_t kChunkTokens = 512;

// A token of 768 quantises in about 0.2 us, a parallel region takes about 1 us to start.
constexpr int64_t kQuantizeTokens = 16;

// Bytes ahead of the weights in use that are asked for: the hardware's own streams stop at every 4 KB page.
constexpr int64_t kPrefetchBytes = 2048;

// Most tokens of any instruction set's tile.
constexpr int64_t kLargestTile = 16;

// Panels of one task: long enough to stream, short enough to balance.
constexpr int64_t kTaskPanels = 4;

constexpr int64_t kMaxWidth = 1 << 20;

}  // namespace

LinearActivations::LinearActivations(Arena& arena, int64_t tokens, int64_t inputs, int64_t largest_tile)
    : tokens_(tokens),
      groups_(inputs / kLinearGroup),
      tiles_((tokens + largest_tile - 1) / largest_tile),
      values_(arena.Take<int8_t>(tokens * inputs)),
      steps_(arena.Take<float>(tokens * groups_)),
      offsets_(arena.Take<int32_t>(tokens * groups_)) {}

LinearTile LinearActivations::tile(int64_t index) const {
  const int64_t first = first_token(index), at = first * groups_;
  return {first_token(index + 1) - first, values_ + at * kLinearGroup, steps_ + at, offsets_ + at};
}

void LinearActivations::Quantize(const float* x, const KernelTable& kernels, const Parallel& parallel) {
  const int64_t tiles_per_task = std::max<int64_t>(1, kQuantizeTokens * tiles_ / tokens_);
  ParallelFor(parallel, (tiles_ + tiles_per_task - 1) / tiles_per_task, [&](int64_t task, int) {
    const int64_t end = std::min(tiles_, (task + 1) * tiles_per_task);
    for (int64_t index = task * tiles_per_task; index < end; ++index) {
      const LinearTile to = tile(index);
      for (int64_t t = 0; t < to.tokens; ++t) {
        kernels.quantize_groups(x + (first_token(index) + t) * groups_ * kLinearGroup, groups_, to, t);
      }
    }
  });
}

void ProjectTile(const LinearMatrix& matrix, int64_t panel, const LinearActivations& activations,
                 int64_t tile, const KernelTable& kernels, float* out, int64_t out_stride) {
  const int64_t bytes = PanelBytes(matrix.inputs);
  const uint8_t* weight = matrix.weight + panel * bytes;
  // A single tile streams the weights once; with more, the next panel arrives while the last tile is at work.
  const bool streams = activations.tiles() == 1, last = tile + 1 == activations.tiles();
  const uint8_t* ahead = weight + (streams ? kPrefetchBytes : last ? bytes : 0);
  kernels.linear_dot({weight, matrix.scale + panel * matrix.inputs, matrix.inputs / kLinearGroup, ahead,
                      activations.tile(tile), out, out_stride});
}

const char* CheckLinear(int64_t inputs, int64_t outputs) {
  if (inputs < 1 || inputs % kLinearGroup != 0) {
    return "the number of inputs must be a positive multiple of 32, the quantisation group";
  }
  if (outputs < 1) return "the number of outputs must be positive";
  if (inputs > kMaxWidth || outputs > kMaxWidth) return "inputs and outputs must be at most 1048576";
  return nullptr;
}

size_t LinearWorkspaceBytes(int64_t tokens, int64_t inputs, const KernelTable& kernels) {
  Arena arena(nullptr);
  const LinearActivations activations(arena, std::min(tokens, kChunkTokens), inputs, kernels.linear_tile);
  return arena.used();
}

namespace {

// One panel for all tiles; `out` is the target's column of the chunk's first token.
void ProjectPanel(const LinearMatrix& matrix, int64_t panel, const LinearActivations& activations,
                  const KernelTable& kernels, float* out, int64_t stride, int64_t columns) {
  for (int64_t tile = 0; tile < activations.tiles(); ++tile) {
    float* rows = out + activations.first_token(tile) * stride;
    if (columns >= kPanelOutputs) {
      ProjectTile(matrix, panel, activations, tile, kernels, rows, stride);
      continue;
    }
    float whole[kLargestTile * kPanelOutputs];
    ProjectTile(matrix, panel, activations, tile, kernels, whole, kPanelOutputs);
    const int64_t tokens = activations.first_token(tile + 1) - activations.first_token(tile);
    for (int64_t t = 0; t < tokens; ++t) {
      std::memcpy(rows + t * stride, whole + t * kPanelOutputs, static_cast<size_t>(columns) * sizeof(float));
    }
  }
}

}  // namespace

void Linear(const float* x, int64_t tokens, const LinearMatrix& matrix, const LinearTarget* targets,
            int64_t num_targets, const KernelTable& kernels, const Parallel& parallel, void* workspace) {
  int64_t panels = 0;
  for (int64_t i = 0; i < num_targets; ++i) panels += LinearPanels(targets[i].outputs);
  for (int64_t first = 0; first < tokens; first += kChunkTokens) {
    Arena arena(workspace);
    LinearActivations activations(arena, std::min(tokens - first, kChunkTokens), matrix.inputs,
                                  kernels.linear_tile);
    activations.Quantize(x + first * matrix.inputs, kernels, parallel);
    const int64_t task_panels = activations.tiles() == 1 ? kTaskPanels : 1;
    ParallelFor(parallel, (panels + task_panels - 1) / task_panels, [&](int64_t task, int) {
      const LinearTarget* target = targets;
      int64_t column = task * task_panels * kPanelOutputs;  // counted from the target's own first panel
      for (int64_t panel = task * task_panels; panel < std::min(panels, (task + 1) * task_panels); ++panel) {
        while (column >= LinearPanels(target->outputs) * kPanelOutputs) {
          column -= LinearPanels(target->outputs) * kPanelOutputs;
          ++target;
        }
        ProjectPanel(matrix, panel, activations, kernels, target->out + first * target->outputs + column,
                     target->outputs, target->outputs - column);
        column += kPanelOutputs;
      }
    });
  }
}

}  // namespace mmoe
