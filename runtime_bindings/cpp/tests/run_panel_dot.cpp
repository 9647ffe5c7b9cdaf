// Runs one product of one instruction set once, for tools that count its instructions:
// mmoe_run_panel_dot experts|linear ISA TOKENS INPUTS

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

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
