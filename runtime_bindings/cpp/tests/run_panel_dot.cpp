// Runs one kernel of one instruction set once, for tools that count its instructions:
// mmoe_run_panel_dot experts|linear ISA TOKENS INPUTS
// mmoe_run_panel_dot attention ISA ROWS HEAD_DIM, all of a partition of int8 keys and values for query rows

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernels/attention/attention_kernels.h"
#include "kernels/isa/isa.h"
#include "kernels/linear/linear_dot.h"
#include "kernels/moe/panel_dot.h"
#include "kernels/panel.h"

namespace mmoe {
namespace {

void RunExperts(const KernelTable& kernels, int tokens, int64_t inputs) {
  const std::vector<uint8_t> panel(static_cast<size_t>(PanelBytes(inputs)), 0x5a);
  const std::vector<int8_t> activations(
      static_cast<size_t>(ActivationChunks(inputs) * tokens * kActivationChunk), 3);
  const std::vector<float> steps(static_cast<size_t>(tokens), 1.0f);
  const std::vector<int32_t> sums(steps.size(), 3);
  std::vector<float> out(steps.size() * kPanelOutputs);
  std::vector<float*> rows;
  for (int t = 0; t < tokens; ++t) rows.push_back(out.data() + t * kPanelOutputs);
  kernels.panel_dot({panel.data(), inputs, activations.data(), tokens, steps.data(), sums.data(), rows.data(),
                     panel.data(), kPanelBlockBytes});
}

void RunLinear(const KernelTable& kernels, int tokens, int64_t inputs) {
  const int64_t groups = inputs / kLinearGroup;
  const std::vector<uint8_t> weight(static_cast<size_t>(PanelBytes(inputs)), 0x5a);
  const std::vector<uint16_t> scale(static_cast<size_t>(groups * kPanelOutputs), 0x2000);
  std::vector<int8_t> values(static_cast<size_t>(tokens * inputs), 3);
  std::vector<float> steps(static_cast<size_t>(tokens * groups), 1.0f);
  std::vector<int32_t> offsets(steps.size(), 3);
  std::vector<float> out(static_cast<size_t>(tokens) * kPanelOutputs);
  const LinearTile tile = {tokens, values.data(), steps.data(), offsets.data()};
  kernels.linear_dot({weight.data(), scale.data(), groups, weight.data(), tile, out.data(), kPanelOutputs});
}

void RunAttention(const KernelTable& kernels, int rows, int64_t head_dim) {
  const auto count = static_cast<size_t>(rows);
  const int64_t stride = (head_dim + 63) / 64 * 64;
  const std::vector<int64_t> valid(count, kAttentionPartition), first(count);
  const std::vector<int8_t> cache(static_cast<size_t>(kAttentionPartition * stride), 3);
  const std::vector<float> queries(count * static_cast<size_t>(stride), 0.5f),
      steps(kAttentionPartition, 0.01f);
  std::vector<int8_t> split(2 * queries.size()), weights(count * 2 * kAttentionPartition);
  std::vector<int32_t> sums(2 * count);
  std::vector<float> factors(count), scores(count * kAttentionPartition), maxima(count), totals(count);
  std::vector<float> outputs(queries.size());
  for (size_t row = 0; row < count; ++row) {
    const size_t at = row * static_cast<size_t>(stride);
    kernels.attention.quantize_query(queries.data() + at, head_dim, stride, split.data() + 2 * at,
                                     &factors[row], sums.data() + 2 * row);
  }
  AttendArgs args = {};
  args.rows = rows;
  args.head_dim = head_dim;
  args.row_stride = stride;
  args.valid = valid.data();
  args.first = first.data();
  args.queries = queries.data();
  args.split_queries = split.data();
  args.split_sums = sums.data();
  args.factors = factors.data();
  args.keys = args.values = args.next_keys = cache.data();
  args.key_steps = args.value_steps = args.next_key_steps = steps.data();
  args.scores = scores.data();
  args.weights = weights.data();
  args.maxima = maxima.data();
  args.totals = totals.data();
  args.outputs = outputs.data();
  kernels.attention.attend[static_cast<int>(CacheType::kInt8)](args);
}

int Main(int argc, char** argv) {
  if (argc != 5) return 2;
  const char* error = nullptr;
  const KernelTable* kernels = FindKernels(argv[2], &error);
  if (kernels == nullptr) {
    std::fprintf(stderr, "%s\n", error);
    return 1;
  }
  const bool experts = std::strcmp(argv[1], "experts") == 0;
  const int tokens = std::atoi(argv[3]);
  const int64_t inputs = std::atoll(argv[4]);
  if (std::strcmp(argv[1], "attention") == 0) {
    if (tokens < 1 || inputs < 2 || inputs % 2 != 0) return 2;
    RunAttention(*kernels, tokens, inputs);
    return 0;
  }
  if (tokens < 1 || tokens > (experts ? kernels->token_tile : kernels->linear_tile) || inputs < 64 ||
      inputs % 64 != 0) {
    return 2;
  }
  (experts ? RunExperts : RunLinear)(*kernels, tokens, inputs);
  return 0;
}

}  // namespace
}  // namespace mmoe

int main(int argc, char** argv) { return mmoe::Main(argc, argv); }
