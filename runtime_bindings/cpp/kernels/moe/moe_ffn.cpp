#include "kernels/moe/moe_ffn.h"

#include <algorithm>

#include "kernels/arena.h"
#include "kernels/moe/experts.h"
#include "kernels/panel.h"

namespace mmoe {
namespace {

// Sums of int8 times sixteen-fold uint4 products, which some instruction sets add up, fit int32 up to here:
// 127 * 240 * 65536 < 2^31.
constexpr int64_t kMaxWidth = 1 << 16;

struct Buffers {
  RoutedTokens routed;
  QuantizedRows x;          // [tokens]
  float* activated;         // [tokens * top_k, F]
  QuantizedRows quantized;  // [tokens * top_k], the same as int16
  float* down;              // [tokens * top_k, H]
  ExpertScratch* experts;   // [num_workers]
};

Buffers TakeBuffers(Arena& arena, const MoeFfnShape& shape, const KernelSet& kernels, int num_workers) {
  const int64_t tokens = ChunkTokens(shape.num_tokens, shape.top_k);
  const int64_t assignments = tokens * shape.top_k;
  Buffers buffers;
  buffers.routed = TakeRoutedTokens(arena, tokens, shape.num_experts, shape.top_k, kernels, num_workers);
  buffers.x = TakeQuantizedRows(arena, tokens, shape.hidden_size, kernels);
  buffers.activated = arena.Take<float>(assignments * shape.intermediate_size);
  buffers.quantized = TakeQuantizedRows(arena, assignments, shape.intermediate_size, kernels);
  buffers.down = arena.Take<float>(assignments * shape.hidden_size);
  buffers.experts = arena.Take<ExpertScratch>(num_workers);
  const int64_t max_inputs = std::max(shape.hidden_size, shape.intermediate_size);
  for (int worker = 0; worker < num_workers; ++worker) {
    const ExpertScratch scratch = TakeExpertScratch(arena, max_inputs, kernels.ForWorker(worker));
    if (buffers.experts != nullptr) buffers.experts[worker] = scratch;
  }
  return buffers;
}

void Quantize(const float* x, int64_t rows, const KernelSet& kernels, const Parallel& parallel,
              QuantizedRows& out) {
  out.exact = x;
  ForRows(parallel, rows, [&](int64_t row, int) { FillQuantizedRow(out, row, kernels); });
}

// x and out are those of the chunk's first token.
void RunChunk(const MoeFfnArgs& args, int64_t tokens, const float* x, float* out, const KernelSet& kernels,
              const Parallel& parallel, Buffers& buffers) {
  const MoeFfnShape& shape = args.shape;
  RouteTokens({args.router_weight, args.expert_bias, shape.num_experts, shape.hidden_size, shape.top_k,
               args.router, args.observer},
              x, tokens, kernels, parallel, buffers.routed);

  const int64_t width = shape.intermediate_size;
  const ExpertMatrix gate_up = {args.gate_up_weight, args.gate_up_scale, shape.hidden_size, 2 * width};
  Quantize(x, tokens, kernels, parallel, buffers.x);
  ProjectGateUp(gate_up, buffers.routed.dispatch, buffers.x, kernels, parallel, buffers.experts,
                buffers.activated);
  const ExpertMatrix down = {args.down_weight, args.down_scale, width, shape.hidden_size};
  Quantize(buffers.activated, tokens * shape.top_k, kernels, parallel, buffers.quantized);
  ProjectDown(down, buffers.routed.dispatch, buffers.quantized, kernels, parallel, buffers.experts,
              buffers.down);

  CombineTokens(buffers.routed, buffers.down, tokens, shape.top_k, shape.hidden_size, kernels.first(),
                parallel, out);
}

}  // namespace

const char* CheckMoeFfn(const MoeFfnShape& shape) {
  if (shape.num_experts < 1) return "num_experts must be at least 1";
  if (shape.top_k < 1 || shape.top_k > shape.num_experts) return "top_k must be in 1..num_experts";
  if (shape.hidden_size < 1 || shape.hidden_size % kPanelOutputs != 0) {
    return "hidden_size must be a positive multiple of 32, the quantisation group";
  }
  if (shape.intermediate_size < 1 || 2 * shape.intermediate_size % kPanelOutputs != 0) {
    return "intermediate_size must be a positive multiple of 16, half the quantisation group";
  }
  if (shape.hidden_size > kMaxWidth || shape.intermediate_size > kMaxWidth || shape.num_experts > kMaxWidth) {
    return "hidden_size, intermediate_size and num_experts must be at most 65536";
  }
  return nullptr;
}

size_t MoeFfnWorkspaceBytes(const MoeFfnShape& shape, const KernelSet& kernels, int num_workers) {
  Arena arena(nullptr);
  TakeBuffers(arena, shape, kernels, num_workers);
  return arena.used();
}

void MoeFfn(const MoeFfnArgs& args, const KernelSet& kernels, const Parallel& parallel, void* workspace) {
  const MoeFfnShape& shape = args.shape;
  Arena arena(workspace);
  Buffers buffers = TakeBuffers(arena, shape, kernels, parallel.num_workers);
  const int64_t chunk = ChunkTokens(shape.num_tokens, shape.top_k);
  for (int64_t first = 0; first < shape.num_tokens; first += chunk) {
    const int64_t tokens = std::min(chunk, shape.num_tokens - first);
    RunChunk(args, tokens, args.x + first * shape.hidden_size, args.out + first * shape.hidden_size, kernels,
             parallel, buffers);
  }
}

}  // namespace mmoe
