#pragma once

#include <cstdint>

#include "kernels/parallel.h"

namespace mmoe {

// Rows of the packed table, as in the checkpoint: qweight [vocab, hidden / 2] (two's complement nibbles, low
// = even element), scale float16 [vocab, hidden / 32]. indices [count], each in 0..vocab-1; out float32
// [count, hidden].
void Embedding(const uint8_t* qweight, const uint16_t* scale, int64_t hidden, const int64_t* indices,
               int64_t count, const Parallel& parallel, float* out);

// The same rows read from a table in the panels of a dense linear (linear.h), the tied head: weight
// [ceil(vocab / 32), hidden / 4, 64], scale float16 [ceil(vocab / 32), hidden / 32, 32].
void EmbeddingPanels(const uint8_t* weight, const uint16_t* scale, int64_t hidden, const int64_t* indices,
                     int64_t count, const Parallel& parallel, float* out);

}  // namespace mmoe
