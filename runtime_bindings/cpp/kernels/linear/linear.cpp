#include "kernels/linear/linear.h"

#include <algorithm>
#include <cstring>

namespace mmoe {
namespace {

// Bytes ahead of the weights in use that are asked for: the hardware's own streams stop at every 4 KB page.
constexpr int64_t kPrefetchBytes = 4096;

// Most tokens of a call that stream so. AVX2 takes the panel of more in two passes, of which the first meets every line and
// asked for half as many ahead. With the next panel fetched at the pace of both, the head takes 18 to 29 % less for 3 to 6.
constexpr int64_t kStreamedTokens = 2;

// Panels of a task while one tile streams through the weights: long enough to stream, short enough to balance.
constexpr int64_t kStreamedPanels = 2;

constexpr int64_t kMaxWidth = 1 << 20;

// The target that a panel belongs to and its first column there.
struct Place {
  const LinearTarget* target;
  int64_t column;

  int64_t columns() const { return std::min(target->outputs - column, kPanelOutputs); }
};

Place PlaceOf(const LinearTarget* targets, int64_t panel) {
  while (panel >= LinearPanels(targets->outputs)) panel -= LinearPanels(targets++->outputs);
  return {targets, panel * kPanelOutputs};
}

LinearDotArgs ArgumentsOf(const LinearMatrix& matrix, int64_t panel, const LinearTile& tile, float* out,
                          int64_t out_stride) {
  LinearDotArgs args = {};
  args.weight = matrix.weight + panel * PanelBytes(matrix.inputs);
  args.groups = matrix.inputs / kLinearGroup;
  args.tile = tile;
  args.out = out;
  args.out_stride = out_stride;
  if (matrix.float_scale == nullptr) {
    args.scale = matrix.scale + panel * matrix.inputs;
  } else {
    args.float_scale = matrix.float_scale + panel * matrix.inputs;
  }
  args.zero = matrix.zero;
  return args;
}

// One panel for tokens first_token.. of the target; the last panel of a target may be narrower than 32.
void ProjectPanel(const LinearMatrix& matrix, int64_t panel, const LinearTiles& activations,
                  int64_t first_token, const Place& place, const KernelTable& kernels) {
  const int64_t stride = place.target->outputs;
  const int64_t columns = place.columns();
  for (int64_t tile = 0; tile < activations.count; ++tile) {
    const int64_t first = activations.first_row(tile);
    float* out = place.target->out + (first_token + first) * stride + place.column;
    if (columns == kPanelOutputs) {
      ProjectTile(matrix, panel, activations, tile, kernels, out, stride);
      continue;
    }
    float whole[kLargestLinearTile * kPanelOutputs];
    ProjectTile(matrix, panel, activations, tile, kernels, whole, kPanelOutputs);
    for (int64_t t = 0; t < activations.first_row(tile + 1) - first; ++t) {
      std::memcpy(out + t * stride, whole + t * kPanelOutputs, static_cast<size_t>(columns) * sizeof(float));
    }
  }
}

}  // namespace

const char* CheckLinear(int64_t inputs, int64_t outputs) {
  if (inputs < 1 || inputs % kLinearGroup != 0) {
    return "the number of inputs must be a positive multiple of 32, the quantisation group";
  }
  if (outputs < 1) return "the number of outputs must be positive";
  if (inputs > kMaxWidth || outputs > kMaxWidth) return "inputs and outputs must be at most 1048576";
  return nullptr;
}

size_t LinearWorkspaceBytes(int64_t tokens, int64_t inputs, const KernelSet& kernels) {
  Arena arena(nullptr);
  LinearActivations(arena, std::min(tokens, kLinearChunkTokens), inputs, kernels);
  return arena.used();
}

void ProjectTile(const LinearMatrix& matrix, int64_t panel, const LinearTiles& activations, int64_t tile,
                 const KernelTable& kernels, float* out, int64_t out_stride) {
  LinearDotArgs args = ArgumentsOf(matrix, panel, activations.tile(tile), out, out_stride);
  // One or two tokens stream through the weights; else the last tile has the next panel fetched meanwhile.
  const bool streams = activations.rows <= kStreamedTokens, last = tile + 1 == activations.count;
  args.ahead = args.weight + (streams ? kPrefetchBytes : last ? PanelBytes(matrix.inputs) : 0);
  (matrix.zero == nullptr ? kernels.linear_dot : kernels.grouped_dot)(args);
}

void ProjectTwoPanels(const LinearMatrix& matrix, const int64_t (&panels)[2], const LinearTiles& activations,
                      int64_t tile, const KernelTable& kernels, float* const (&outs)[2], int64_t out_stride) {
  if (activations.rows > 1 || kernels.dot_two_panels == nullptr) {
    for (int i = 0; i < 2; ++i)
      ProjectTile(matrix, panels[i], activations, tile, kernels, outs[i], out_stride);
    return;
  }
  LinearDotArgs args[2];
  for (int i = 0; i < 2; ++i) {
    args[i] = ArgumentsOf(matrix, panels[i], activations.tile(tile), outs[i], out_stride);
    args[i].ahead = args[i].weight + kTwoStreamsPrefetchBytes;
  }
  kernels.dot_two_panels(args);
}

void ProjectPanels(const LinearMatrix& matrix, const LinearActivations& activations,
                   const LinearTarget* targets, int64_t num_targets, const KernelSet& kernels,
                   const Parallel& parallel) {
  int64_t panels = 0;
  for (int64_t i = 0; i < num_targets; ++i) panels += LinearPanels(targets[i].outputs);
  const int64_t per_task = activations.streams() ? kStreamedPanels : 1;
  const int64_t tasks_of_block = (panels + per_task - 1) / per_task;
  // Two streams are half of the matrix apart, and go on from task to task.
  const bool two_streams = activations.tokens() == 1 && kernels.first().dot_two_panels != nullptr;
  ParallelFor(parallel, tasks_of_block * activations.blocks(), [&](int64_t task, int worker) {
    const auto [block, index] = activations.TaskAt(task, tasks_of_block);
    const LinearTiles tiles = activations.tiles(block, kernels.KindOf(worker));
    const KernelTable& table = kernels.ForWorker(worker);
    if (two_streams && index + tasks_of_block < panels) {
      const int64_t both[2] = {index, index + tasks_of_block};
      const Place places[2] = {PlaceOf(targets, both[0]), PlaceOf(targets, both[1])};
      if (places[0].columns() == kPanelOutputs && places[1].columns() == kPanelOutputs) {
        float* const outs[2] = {places[0].target->out + places[0].column,
                                places[1].target->out + places[1].column};
        ProjectTwoPanels(matrix, both, tiles, 0, table, outs, 0);
        return;
      }
    }
    const int64_t first_token = activations.block(block).begin, step = two_streams ? tasks_of_block : 1;
    int64_t panel = two_streams ? index : index * per_task;
    for (int64_t i = 0; i < per_task && panel < panels; ++i, panel += step) {
      ProjectPanel(matrix, panel, tiles, first_token, PlaceOf(targets, panel), table);
    }
  });
}

void Linear(const float* x, int64_t tokens, const LinearMatrix& matrix, const LinearTarget* targets,
            int64_t num_targets, const KernelSet& kernels, const Parallel& parallel, void* workspace) {
  for (int64_t first = 0; first < tokens; first += kLinearChunkTokens) {
    Arena arena(workspace);
    const LinearActivations activations(arena, std::min(tokens - first, kLinearChunkTokens), matrix.inputs,
                                        kernels);
    activations.Quantize(x + first * matrix.inputs, kernels, parallel);
    LinearTarget chunk[kMaxLinearTargets];
    for (int64_t i = 0; i < num_targets; ++i) {
      chunk[i] = {targets[i].out + first * targets[i].outputs, targets[i].outputs};
    }
    ProjectPanels(matrix, activations, chunk, num_targets, kernels, parallel);
  }
}

}  // namespace mmoe
