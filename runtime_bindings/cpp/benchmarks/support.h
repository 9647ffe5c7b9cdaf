#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "kernels/isa/kernel_set.h"
#include "kernels/parallel.h"

namespace mmoe {

// The wall-clock seconds of a call.
template <class Body>
double SecondsOf(const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values);

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<char, Free>;

// Uninitialised memory on a 64-byte boundary.
Memory Allocate(int64_t bytes);

// Seeded: the next `count` of one sequence of normal deviates.
std::vector<float> Normal(int64_t count);

// All threads read the bytes once, in pieces of 64 KB: the plain read that kernels are compared with.
void ReadPlainly(const char* bytes, int64_t count, const Parallel& parallel);

// The kernels of MMOE_ISA for BenchmarkThreads(); ends the process if there are none.
const KernelSet& BenchmarkedKernels();

// MMOE_BENCHMARK_THREADS, or one for each CPU.
int BenchmarkThreads();

// Runs what is registered, with instruction set and threads in the context.
int RunBenchmarks(int argc, char** argv);

}  // namespace mmoe
