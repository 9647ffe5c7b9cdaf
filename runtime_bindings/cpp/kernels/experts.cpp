#include "experts.h"

#include "panel.h"

namespace mmoe {
namespace {

// Rows begin..end-1 (of one expert) through one panel, in tiles of equal size.
void ProjectPanel(const ExpertMatrix& matrix, int64_t expert, int64_t panel, const Dispatch& dispatch,
                  const float* x, bool by_token, const KernelTable& kernels, const ExpertScratch& scratch,
                  float* out) {
  const int64_t panels = matrix.outputs / kPanelOutputs;
  const int64_t index = expert * panels + panel;
  const uint8_t* weight = matrix.weight + index * PanelBytes(matrix.inputs);
  kernels.convert_scales(matrix.scale + index * matrix.inputs, matrix.inputs, scratch.scales);
  const int64_t begin = dispatch.expert_begin[expert];
  const int64_t end = dispatch.expert_begin[expert + 1];
  const int64_t tiles = (end - begin + kernels.token_tile - 1) / kernels.token_tile;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t first = begin + (end - begin) * tile / tiles;
    const int tokens = static_cast<int>(begin + (end - begin) * (tile + 1) / tiles - first);
    for (int t = 0; t < tokens; ++t) {
      const int64_t row = first + t;
      const int64_t source = by_token ? dispatch.row_token[row] : row;
      kernels.quantize_activations(x + source * matrix.inputs, scratch.scales, matrix.inputs,
                                   scratch.activations + t * kActivationChunk, tokens * kActivationChunk,
                                   scratch.steps + t, scratch.sums + t);
      scratch.outputs[t] = out + row * matrix.outputs + panel * kPanelOutputs;
    }
    kernels.panel_dot(weight, matrix.inputs, scratch.activations, tokens, scratch.steps, scratch.sums,
                      scratch.outputs);
  }
}

}  // namespace

ExpertScratch TakeExpertScratch(Arena& arena, int64_t max_inputs, const KernelTable& kernels) {
  ExpertScratch scratch;
  scratch.scales = arena.Take<float>(max_inputs);
  scratch.activations =
      arena.Take<int8_t>(ActivationChunks(max_inputs) * kActivationChunk * kernels.token_tile);
  scratch.steps = arena.Take<float>(kernels.token_tile);
  scratch.sums = arena.Take<int32_t>(kernels.token_tile);
  scratch.outputs = arena.Take<float*>(kernels.token_tile);
  return scratch;
}

void ProjectExperts(const ExpertMatrix& matrix, const Dispatch& dispatch, const float* x, bool by_token,
                    const KernelTable& kernels, const Parallel& parallel, const ExpertScratch* worker_scratch,
                    float* out) {
  const int64_t panels = matrix.outputs / kPanelOutputs;
  ParallelFor(parallel, dispatch.num_active * panels, [&](int64_t task, int worker) {
    ProjectPanel(matrix, dispatch.active[task / panels], task % panels, dispatch, x, by_token, kernels,
                 worker_scratch[worker], out);
  });
}

}  // namespace mmoe
