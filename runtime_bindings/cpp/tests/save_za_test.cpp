// A caller that computes with ZA and calls a kernel finds what it had there in the buffer that it named.

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kernels/isa/isa.h"
#include "kernels/moe/panel_dot.h"

namespace mmoe {
namespace {

// What TPIDR2_EL0 points to.
struct alignas(16) LazySave {
  void* buffer;
  uint16_t slices;
  uint8_t reserved[6];
};

uint64_t VectorBytes() {
  uint64_t bytes;
  __asm__("rdsvl %0, #1" : "=r"(bytes));
  return bytes;
}

// Makes ZA what `from` has, [bytes, bytes], and leaves it dormant.
void FillZa(const uint8_t* from, uint64_t bytes, const LazySave* save) {
  __asm__ volatile(
      "smstart za\n"
      "mov x12, #0\n"
      "1:\n"
      "ldr za[w12, 0], [%0]\n"
      "add %0, %0, %1\n"
      "add x12, x12, #1\n"
      "cmp x12, %1\n"
      "b.lo 1b\n"
      "msr TPIDR2_EL0, %2\n"
      : "+r"(from)
      : "r"(bytes), "r"(save)
      : "x12", "cc", "memory");
}

uint64_t Pending() {
  uint64_t block;
  __asm__ volatile("mrs %0, TPIDR2_EL0" : "=r"(block));
  return block;
}

TEST(SaveZa, StoresWhatACallerHadInIt) {
  const char* error = nullptr;
  const KernelTable* kernels = FindKernels("sme2", &error);
  if (kernels == nullptr) GTEST_SKIP() << error;
  const uint64_t bytes = VectorBytes();
  std::vector<uint8_t> had(bytes * bytes), saved(had.size());
  for (size_t i = 0; i < had.size(); ++i) had[i] = static_cast<uint8_t>(i * 7 + i / 251);
  constexpr int64_t kInputs = 64;
  const std::vector<uint8_t> panel(static_cast<size_t>(PanelBytes(kInputs)), 0x99);  // ones
  const std::vector<int8_t> activations(2 * kActivationChunk, 3);
  const float scales[2] = {1.0f, 1.0f};
  const int32_t sums[2] = {3 * kInputs, 3 * kInputs};
  float out[2 * kPanelOutputs];
  float* const rows[2] = {out, out + kPanelOutputs};
  const LazySave save = {saved.data(), static_cast<uint16_t>(bytes), {}};
  FillZa(had.data(), bytes, &save);
  kernels->panel_dot(
      {panel.data(), kInputs, activations.data(), 2, scales, sums, rows, panel.data(), kPanelBlockBytes});
  EXPECT_EQ(Pending(), 0u);
  EXPECT_EQ(saved, had);
  for (const float value : out) EXPECT_EQ(value, 3.0f * kInputs);
}

}  // namespace
}  // namespace mmoe
