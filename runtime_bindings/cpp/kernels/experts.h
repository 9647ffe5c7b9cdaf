#pragma once

#include <cstdint>

#include "arena.h"
#include "dispatch.h"
#include "kernel_table.h"
#include "parallel.h"

namespace mmoe {

// One projection of all experts: weight [E, outputs / 32, inputs / 4, 64] and scale float16 [E, outputs / 32,
// inputs] in the panel layout of panel.h.
struct ExpertMatrix {
  const uint8_t* weight;
  const uint16_t* scale;
  int64_t inputs;
  int64_t outputs;
};

// Scratch of one worker for projections with at most `max_inputs` inputs.
struct ExpertScratch {
  int64_t tile_bytes;  // of a quantised tile; one tile for each panel of a task
  const float** rows;
  int8_t* activations;
  float* steps;
  int32_t* sums;
  float** outputs;
};

ExpertScratch TakeExpertScratch(Arena& arena, int64_t max_inputs, const KernelTable& kernels);

// out[row] = x[source of row] . matrix[expert of row] for every row of the dispatch; out [rows, outputs]. The
// source is the row's token if `by_token`, else the row itself. One task is a few neighbouring panels of
// an active expert: a panel's weights are read from memory once per call however many tokens its expert has,
// the next one's are fetched meanwhile, and one token still gives top_k * panels / 6 tasks.
void ProjectExperts(const ExpertMatrix& matrix, const Dispatch& dispatch, const float* x, bool by_token,
                    const KernelTable& kernels, const Parallel& parallel, const ExpertScratch* worker_scratch,
                    float* out);

}  // namespace mmoe
