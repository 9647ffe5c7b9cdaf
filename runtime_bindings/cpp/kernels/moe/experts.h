#pragma once

#include <cstdint>

#include "kernels/arena.h"
#include "kernels/isa/kernel_set.h"
#include "kernels/moe/dispatch.h"
#include "kernels/moe/quantize_activations.h"
#include "kernels/parallel.h"

namespace mmoe {

// One projection of all experts: weight [E, outputs / 32, inputs / 4, 64] and scale float16 [E, outputs / 32,
// inputs] in the panel layout of panel.h.
struct ExpertMatrix {
  const uint8_t* weight;
  const uint16_t* scale;
  int64_t inputs;
  int64_t outputs;
};

// Rows as int16, and what they were made from.
struct QuantizedRows {
  int16_t* values[KernelSet::kMostKinds];  // each [rows, stride]: for every kind of workers, in its order
  float* row_scales;                       // [rows]
  int64_t stride;                          // PaddedInputs(width)
  const float* exact;                      // [rows, width]
  int64_t width;
};

// Without `exact`, which is not copied.
QuantizedRows TakeQuantizedRows(Arena& arena, int64_t rows, int64_t width, const KernelSet& kernels);

// Makes row `row` of rows.exact int16.
void FillQuantizedRow(const QuantizedRows& rows, int64_t row, const KernelSet& kernels);

// Most panels of a task: one more than twice the gate's, where the up matrix begins in the middle of a panel.
constexpr int64_t kMaxPanels = 7;

// A tile's rows, quantised for one panel.
struct QuantizedTile {
  int8_t* activations;       // [PaddedInputs(inputs) / 64, tokens, 64]
  float* activation_scales;  // [tokens]
  int32_t* sums;             // [tokens]
};

// Scratch of one worker, with the table that it computes with, for projections with at most `max_inputs` inputs.
struct ExpertScratch {
  int16_t* scales;          // [panels of a task, stride]
  float* scales_of_scales;  // [panels of a task]
  int64_t stride;
  // One tile.
  const int16_t** rows;
  float* row_scales;
  const float** exact_rows;
  // For a panel, and for the next one meanwhile; for all panels of the task if panel_dots multiplies them.
  QuantizedTile quantized[kMaxPanels];
  int16_t* scaled;  // scratch of panel_dot_and_quantize
  float** outputs;
  float* products;  // with all panels of a task
};

ExpertScratch TakeExpertScratch(Arena& arena, int64_t max_inputs, const KernelTable& kernels);

// The two projections of all experts for every row of the dispatch. One task is a few panels of an active
// expert: a panel's weights are read from memory once per call however many tokens its expert has, the next
// task's are fetched meanwhile, and one token still gives several tasks per expert.

// out[row] = silu(gate) * up of x[token of row] . gate_up[expert of row]; x [tokens, inputs], out [rows,
// outputs / 2].
void ProjectGateUp(const ExpertMatrix& gate_up, const Dispatch& dispatch, const QuantizedRows& x,
                   const KernelSet& kernels, const Parallel& parallel, const ExpertScratch* worker_scratch,
                   float* out);

// out[row] = x[row] . down[expert of row]; x has `inputs` columns, out [rows, outputs].
void ProjectDown(const ExpertMatrix& down, const Dispatch& dispatch, const QuantizedRows& x,
                 const KernelSet& kernels, const Parallel& parallel, const ExpertScratch* worker_scratch,
                 float* out);

}  // namespace mmoe
