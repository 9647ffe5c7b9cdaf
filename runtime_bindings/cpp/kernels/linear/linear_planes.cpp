#include "kernels/linear/linear_planes.h"

#include <algorithm>
#include <cstring>

#include "kernels/linear/linear.h"
#include "kernels/simd/float16.h"

namespace mmoe {
namespace {

constexpr int64_t kTokensPerTask = 16;

constexpr int PlaneZero(int64_t plane) { return plane % 2 == 0 ? kWeightOffset : 0; }

// The zeros of a panel's groups, the same for all its outputs.
uint8_t* TakeZeros(Arena& arena, int64_t inputs, int64_t planes) {
  return arena.Take<uint8_t>(inputs * planes);
}

void FillZeros(uint8_t* zeros, int64_t inputs, int64_t planes) {
  for (int64_t group = 0; group < inputs * planes / kPanelOutputs; ++group) {
    std::memset(zeros + group * kPanelOutputs, PlaneZero(group % planes), kPanelOutputs);
  }
}

// Each group of a token once for every plane.
void QuantizePlanes(const float* x, int64_t inputs, int64_t planes, const LinearActivations& activations,
                    const KernelSet& kernels, const Parallel& parallel) {
  activations.Fill(kernels, parallel,
                   [&](const LinearTile& tile, int64_t t, int64_t token, const KernelTable& table) {
                     for (int64_t group = 0; group < inputs / kLinearGroup * planes; ++group) {
                       const float* from = x + token * inputs + group / planes * kLinearGroup;
                       table.quantize_groups(from, 1, tile, t, group);
                     }
                   });
}

// Output `row` of the matrix: one column of its panel.
void DequantizeRow(const PlaneMatrix& matrix, int64_t row, float* out) {
  const int64_t panel = row / kPanelOutputs, column = row % kPanelOutputs, planes = matrix.planes;
  const int shift = column < 16 ? 0 : 4;
  const uint8_t* from =
      matrix.weight + panel * PanelBytes(matrix.inputs * planes) + column % 16 * kPanelBlockInputs;
  for (int64_t i = 0; i < matrix.inputs; ++i) {
    float sum = 0.0f;
    for (int64_t plane = 0; plane < planes; ++plane) {
      const int64_t group = i / kLinearGroup * planes + plane,
                    place = group * kLinearGroup + i % kLinearGroup;
      const int nibble =
          from[place / kPanelBlockInputs * kPanelBlockBytes + place % kPanelBlockInputs] >> shift & 15;
      const int64_t factor = panel * matrix.inputs * planes + group * kPanelOutputs + column;
      const float scale =
          matrix.float_scale == nullptr ? Float16ToFloat(matrix.scale[factor]) : matrix.float_scale[factor];
      sum += static_cast<float>(nibble - PlaneZero(plane)) * scale;
    }
    out[i] = sum;
  }
}

}  // namespace

const char* CheckLinearPlanes(int64_t inputs, int64_t outputs, int64_t planes) {
  if (planes != 2 && planes != 4) return "there must be 2 or 4 planes";
  if (const char* problem = CheckLinear(inputs, outputs)) return problem;
  return CheckLinear(inputs * planes, outputs);
}

size_t LinearPlanesWorkspaceBytes(int64_t tokens, int64_t inputs, int64_t planes, const KernelSet& kernels) {
  Arena arena(nullptr);
  TakeZeros(arena, inputs, planes);
  LinearActivations(arena, std::min(tokens, kLinearChunkTokens), inputs * planes, kernels);
  return arena.used();
}

void LinearPlanes(const float* x, int64_t tokens, const PlaneMatrix& matrix, int64_t outputs, float* out,
                  const KernelSet& kernels, const Parallel& parallel, void* workspace) {
  const int64_t inputs = matrix.inputs, planes = matrix.planes;
  for (int64_t first = 0; first < tokens; first += kLinearChunkTokens) {
    Arena arena(workspace);
    uint8_t* zeros = TakeZeros(arena, inputs, planes);
    FillZeros(zeros, inputs, planes);
    const int64_t count = std::min(tokens - first, kLinearChunkTokens);
    const LinearActivations activations(arena, count, inputs * planes, kernels);
    QuantizePlanes(x + first * inputs, inputs, planes, activations, kernels, parallel);
    const LinearTarget target = {out + first * outputs, outputs};
    ProjectPanels({matrix.weight, matrix.scale, inputs * planes, matrix.float_scale, zeros}, activations,
                  &target, 1, kernels, parallel);
  }
}

void EmbeddingPlanes(const PlaneMatrix& matrix, const int64_t* indices, int64_t count,
                     const Parallel& parallel, float* out) {
  ParallelFor(parallel, (count + kTokensPerTask - 1) / kTokensPerTask, [&](int64_t task, int) {
    const int64_t end = std::min(count, (task + 1) * kTokensPerTask);
    for (int64_t t = task * kTokensPerTask; t < end; ++t) {
      DequantizeRow(matrix, indices[t], out + t * matrix.inputs);
    }
  });
}

}  // namespace mmoe
