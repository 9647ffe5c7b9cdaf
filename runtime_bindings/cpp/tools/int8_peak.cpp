#include "tools/int8_peak.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__) && !defined(__clang__)
#include <arm_neon.h>
#endif

namespace mmoe {
namespace {

// Steps of a task: 0.2 ms of a thread at 166 GMAC/s.
constexpr int64_t kSteps = 1 << 20;

// Tasks of a thread in one measurement, 6 ms. The first one is not counted: a thread that slept may be woken on the caller's
// core and stay there until the system's next tick, 4 ms, so that two threads seemed to multiply no faster than one.
constexpr int64_t kTasks = 32;
constexpr int kMeasurements = 3;

#if defined(__x86_64__)

constexpr int kAvx512Sums = 16;
constexpr int kAvxVnniSums = 12;
constexpr int kAvx2Sums = 8;

// The empty assembly makes a register's content unknown, so that nothing is computed beforehand.
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void MultiplyAvx512Vnni() {
  __m512i sums[kAvx512Sums], a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  asm("" : "+v"(a), "+v"(b));
#pragma GCC unroll 16
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (int64_t step = 0; step < kSteps; step += kAvx512Sums) {
#pragma GCC unroll 16
    for (__m512i& sum : sums) asm volatile("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  }
}

// Clang 12 and GCC 11 know AVX-VNNI.
#if defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11
#define MMOE_COMPILER_HAS_AVX_VNNI
__attribute__((target("avx2,avxvnni"))) void MultiplyAvxVnni() {
  __m256i sums[kAvxVnniSums], a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  asm("" : "+x"(a), "+x"(b));
#pragma GCC unroll 12
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  for (int64_t step = 0; step < kSteps; step += kAvxVnniSums) {
#pragma GCC unroll 12
    for (__m256i& sum : sums) asm volatile("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
  }
}
#endif

__attribute__((target("avx2"))) void MultiplyAvx2() {
  __m256i sums[kAvx2Sums], a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  asm("" : "+x"(a), "+x"(b));
#pragma GCC unroll 8
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  for (int64_t step = 0; step < kSteps; step += kAvx2Sums) {
#pragma GCC unroll 8
    for (__m256i& sum : sums) {
      __m256i pairs;
      asm volatile("vpmaddubsw %3, %2, %1\n\tvpaddw %1, %0, %0" : "+x"(sum), "=&x"(pairs) : "x"(a), "x"(b));
    }
  }
}

#elif defined(__aarch64__) && !defined(__clang__)

constexpr int kNeonSums = 16;

// What every loop below is, in one of the multiplying instructions and with the flags that it needs.
#define MMOE_NEON_LOOP(Name, flags, instruction)                               \
  __attribute__((target(flags))) void Name() {                                 \
    int32x4_t sums[kNeonSums];                                                 \
    int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(5);                            \
    asm("" : "+w"(a), "+w"(b));                                                \
    _Pragma("GCC unroll 16") for (int32x4_t& sum : sums) sum = vdupq_n_s32(0); \
    for (int64_t step = 0; step < kSteps; step += kNeonSums) {                 \
      _Pragma("GCC unroll 16") for (int32x4_t& sum : sums) {                   \
        asm volatile(instruction : "+w"(sum) : "w"(a), "w"(b));                \
      }                                                                        \
    }                                                                          \
  }

MMOE_NEON_LOOP(MultiplyNeon, "arch=armv8-a", "smlal %0.8h, %1.8b, %2.8b")
MMOE_NEON_LOOP(MultiplyNeonDotprod, "arch=armv8.2-a+dotprod", "sdot %0.4s, %1.16b, %2.16b")
MMOE_NEON_LOOP(MultiplyNeonI8mm, "arch=armv8.2-a+i8mm", "usmmla %0.4s, %1.16b, %2.16b")
#undef MMOE_NEON_LOOP

#endif

struct Loop {
  void (*run)();
  int64_t multiply_adds_per_step;
};

Loop LoopOf(const std::string& isa) {
#if defined(__x86_64__)
  if (isa == "avx512_vnni") return {MultiplyAvx512Vnni, 64};
#if defined(MMOE_COMPILER_HAS_AVX_VNNI)
  if (isa == "avx_vnni") return {MultiplyAvxVnni, 32};
#endif
  if (isa == "avx2") return {MultiplyAvx2, 32};
#elif defined(__aarch64__) && !defined(__clang__)
  if (isa == "neon") return {MultiplyNeon, 8};
  if (isa == "neon_dotprod") return {MultiplyNeonDotprod, 16};
  if (isa == "neon_i8mm") return {MultiplyNeonI8mm, 32};
#endif
  (void)isa;
  return {nullptr, 0};
}

}  // namespace

double Int8Peak(const std::string& isa, const Parallel& parallel) {
  const Loop loop = LoopOf(isa);
  if (loop.run == nullptr) return 0;
  const int64_t tasks = kTasks * parallel.num_workers;
  const auto rate = [&] {
    const auto start = std::chrono::steady_clock::now();
    ParallelFor(parallel, tasks, [&](int64_t, int) { loop.run(); });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    return static_cast<double>(kSteps * loop.multiply_adds_per_step * tasks) / seconds.count();
  };
  rate();
  double best = 0;
  for (int measurement = 0; measurement < kMeasurements; ++measurement) best = std::max(best, rate());
  return best;
}

}  // namespace mmoe
