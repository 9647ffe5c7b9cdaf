#include "kernels/linear/swiglu_ffn.h"

#include <algorithm>

namespace mmoe {
namespace {

struct Buffers {
  LinearActivations x;
  LinearActivations activated;
};

Buffers TakeBuffers(Arena& arena, const SwigluFfnShape& shape, int64_t tokens, const KernelTable& kernels) {
  const LinearActivations x(arena, tokens, shape.hidden_size, kernels.linear_tile);
  return {x, LinearActivations(arena, tokens, shape.width, kernels.linear_tile)};
}

// Group `group` of the activated width, for all tokens.
void ActivateGroup(const SwigluFfnShape& shape, int64_t group, const LinearMatrix& gate_up,
                   const Buffers& buffers, const KernelTable& kernels) {
  for (int64_t index = 0; index < buffers.x.tiles(); ++index) {
    float projected[kLargestLinearTile * 2 * kPanelOutputs];
    ProjectTile(gate_up, group, buffers.x, index, kernels, projected, 2 * kPanelOutputs);
    ProjectTile(gate_up, LinearPanels(shape.width) + group, buffers.x, index, kernels,
                projected + kPanelOutputs, 2 * kPanelOutputs);
    const LinearTile tile = buffers.activated.tile(index);
    for (int64_t t = 0; t < tile.tokens; ++t) {
      float activated[kPanelOutputs];
      const float* gate = projected + t * 2 * kPanelOutputs;
      kernels.swiglu(gate, gate + kPanelOutputs, kPanelOutputs, activated);
      kernels.quantize_groups(activated, 1, tile, t, group);
    }
  }
}

}  // namespace

const char* CheckSwigluFfn(const SwigluFfnShape& shape) {
  if (const char* problem = CheckLinear(shape.hidden_size, shape.width)) return problem;
  return CheckLinear(shape.width, shape.hidden_size);
}

size_t SwigluFfnWorkspaceBytes(const SwigluFfnShape& shape, const KernelTable& kernels) {
  Arena arena(nullptr);
  TakeBuffers(arena, shape, std::min(shape.num_tokens, kLinearChunkTokens), kernels);
  return arena.used();
}

void SwigluFfn(const SwigluFfnShape& shape, const float* x, const LinearMatrix& gate_up,
               const LinearMatrix& down, const KernelTable& kernels, const Parallel& parallel,
               void* workspace, float* out) {
  for (int64_t first = 0; first < shape.num_tokens; first += kLinearChunkTokens) {
    Arena arena(workspace);
    const int64_t tokens = std::min(shape.num_tokens - first, kLinearChunkTokens);
    const Buffers buffers = TakeBuffers(arena, shape, tokens, kernels);
    buffers.x.Quantize(x + first * shape.hidden_size, kernels, parallel);
    ParallelFor(parallel, LinearPanels(shape.width),
                [&](int64_t group, int) { ActivateGroup(shape, group, gate_up, buffers, kernels); });
    const LinearTarget target = {out + first * shape.hidden_size, shape.hidden_size};
    ProjectPanels(down, buffers.activated, &target, 1, kernels, parallel);
  }
}

}  // namespace mmoe
