#include "kernels/linear/swiglu_ffn.h"

#include <algorithm>

namespace mmoe {
namespace {

struct Buffers {
  LinearActivations x;
  LinearActivations activated;
};

Buffers TakeBuffers(Arena& arena, const SwigluFfnShape& shape, int64_t tokens, const KernelSet& kernels) {
  const LinearActivations x(arena, tokens, shape.hidden_size, kernels);
  return {x, LinearActivations(arena, tokens, shape.width, kernels)};
}

// Group `group` of the activated width, for the tokens of a block, by a worker of this kind.
void ActivateGroup(const SwigluFfnShape& shape, int64_t group, int64_t block, const LinearMatrix& gate_up,
                   const Buffers& buffers, int kind, const KernelTable& kernels) {
  const LinearTiles x = buffers.x.tiles(block, kind), to = buffers.activated.tiles(block, kind);
  for (int64_t index = 0; index < x.count; ++index) {
    float projected[kLargestLinearTile * 2 * kPanelOutputs];
    ProjectTwoPanels(gate_up, {group, LinearPanels(shape.width) + group}, x, index, kernels,
                     {projected, projected + kPanelOutputs}, 2 * kPanelOutputs);
    const LinearTile tile = to.tile(index);
    for (int64_t t = 0; t < tile.tokens; ++t) {
      float activated[kPanelOutputs];
      const float* gate = projected + t * 2 * kPanelOutputs;
      kernels.swiglu(gate, gate + kPanelOutputs, kPanelOutputs, activated);
      kernels.quantize_groups(activated, 1, tile, t, group);
      buffers.activated.CopyGroups(block, kind, to.first_row(index) + t, group, 1);
    }
  }
}

}  // namespace

const char* CheckSwigluFfn(const SwigluFfnShape& shape) {
  if (const char* problem = CheckLinear(shape.hidden_size, shape.width)) return problem;
  return CheckLinear(shape.width, shape.hidden_size);
}

size_t SwigluFfnWorkspaceBytes(const SwigluFfnShape& shape, const KernelSet& kernels) {
  Arena arena(nullptr);
  TakeBuffers(arena, shape, std::min(shape.num_tokens, kLinearChunkTokens), kernels);
  return arena.used();
}

void SwigluFfn(const SwigluFfnShape& shape, const float* x, const LinearMatrix& gate_up,
               const LinearMatrix& down, const KernelSet& kernels, const Parallel& parallel, void* workspace,
               float* out) {
  for (int64_t first = 0; first < shape.num_tokens; first += kLinearChunkTokens) {
    Arena arena(workspace);
    const int64_t tokens = std::min(shape.num_tokens - first, kLinearChunkTokens);
    const Buffers buffers = TakeBuffers(arena, shape, tokens, kernels);
    buffers.x.Quantize(x + first * shape.hidden_size, kernels, parallel);
    const int64_t groups = LinearPanels(shape.width);
    ParallelFor(parallel, groups * buffers.x.blocks(), [&](int64_t task, int worker) {
      const auto [block, group] = buffers.x.TaskAt(task, groups);
      ActivateGroup(shape, group, block, gate_up, buffers, kernels.KindOf(worker), kernels.ForWorker(worker));
    });
    const LinearTarget target = {out + first * shape.hidden_size, shape.hidden_size};
    ProjectPanels(down, buffers.activated, &target, 1, kernels, parallel);
  }
}

}  // namespace mmoe
