#pragma once

#include <cstdint>

namespace mmoe {

// Panel layout i4p32x4 of one expert's matrix [in, out]: out/32 panels; in panel p the 64 bytes of input
// block kb (inputs 4kb..4kb+3) hold at byte 4*j+i the weights of input 4kb+i: output 32p+j in the low nibble,
// output 32p+16+j in the high one, both in offset binary (q + 8). scale[p][in] is the float16 scale of those
// 32 outputs.
constexpr int64_t kPanelOutputs = 32;
constexpr int64_t kPanelBlockInputs = 4;
constexpr int64_t kPanelBlockBytes = 64;
constexpr int kWeightOffset = 8;

// Quantised activations are stored in chunks of 64 inputs: [in/64][tokens of the tile][64], zero padded.
constexpr int64_t kActivationChunk = 64;

constexpr int64_t PanelBytes(int64_t inputs) { return inputs / kPanelBlockInputs * kPanelBlockBytes; }

constexpr int64_t ActivationChunks(int64_t inputs) {
  return (inputs + kActivationChunk - 1) / kActivationChunk;
}

}  // namespace mmoe
