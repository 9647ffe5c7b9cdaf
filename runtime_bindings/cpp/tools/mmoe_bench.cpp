// mmoe-bench: the measured half of `mmoe-export bench`: a process without Python or torch that loads a model
// as the apps' runtime does and runs what it is told on stdin, one command a line:
//   run POSITION ID...    the tokens at POSITION, in calls as long as the program takes -> seconds S
//   step POSITION ID...   the same one by one                                           -> seconds S S ...
//   trace PATH            from now on, the experts of every token go to a file         -> tracing
//   read                  the model's file through a second mapping of it               -> bandwidth BYTES/S
//   peak                  int8 products in registers, as the kernels multiply             -> peak
//   MULTIPLY-ADDS/S
// It answers on stdout. Exits with 0 at the end of stdin, 1 if the model or a run fails, 2 on wrong usage.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/argmax.h"
#include "core/mapped_file.h"
#include "core/mmoe.h"
#include "core/program.h"
#include "core/runtime_log.h"
#include "kernels/isa/isa.h"
#include "ops/operator_parallel.h"
#include "tools/int8_peak.h"
#include "tools/read_bandwidth.h"
#include "tools/routing_trace.h"

namespace mmoe {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<double> Run(ProgramContext& context, const ProgramInfo& info, std::istream& arguments,
                        bool one_by_one) {
  int64_t position = 0;
  std::vector<int32_t> ids;
  arguments >> position;
  for (int32_t id; arguments >> id;) ids.push_back(id);
  const auto count = static_cast<int64_t>(ids.size());
  if (ids.empty() || position < 0 || position + count > info.max_context_len) {
    throw std::runtime_error("tokens missing or outside the context");
  }
  const int64_t chunk = one_by_one ? 1 : info.max_seq_len;
  std::vector<double> seconds;
  auto start = Clock::now();
  for (int64_t begin = 0; begin < count; begin += chunk) {
    const int64_t end = std::min(count, begin + chunk);
    const float* logits =
        context.Forward(ids.data() + begin, static_cast<size_t>(end - begin), position + begin);
    // The choice of the next token is part of a step.
    if (ArgMax(logits, info.vocab_size, OperatorParallel()) < 0)
      throw std::runtime_error("logits that are not numbers");
    if (!one_by_one && end < count) continue;
    seconds.push_back(SecondsSince(start));
    start = Clock::now();
  }
  return seconds;
}

void Serve(const std::string& path, int threads) {
  const auto start = Clock::now();
  KeepRuntimeQuiet();
  SetPoolThreads(static_cast<uint32_t>(threads));  // before the load: XNNPACK's delegates hold the pool
  const auto program = std::make_shared<const Program>(path, "of unknown version");
  ProgramContext context(program);
  const double load_seconds = SecondsSince(start);
  const char* error = nullptr;
  const KernelSet* kernels = SelectKernels(&error);
  if (kernels == nullptr) throw std::runtime_error(error);
  std::printf("ready %.9f %lld %lld %s\n", load_seconds, static_cast<long long>(program->info().max_seq_len),
              static_cast<long long>(program->info().max_context_len), kernels->first().name);
  std::fflush(stdout);
  std::unique_ptr<RoutingTrace> trace;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "run" || command == "step") {
      const std::vector<double> times = Run(context, program->info(), words, command == "step");
      if (trace) trace->Flush();
      std::printf("seconds");
      for (const double seconds : times) std::printf(" %.9f", seconds);
    } else if (command == "trace") {
      std::string file;
      std::getline(words >> std::ws, file);
      trace.reset();  // it would take the new one's place as it goes
      trace = std::make_unique<RoutingTrace>(file);
      std::printf("tracing");
    } else if (command == "read") {
      std::printf("bandwidth %.0f", ReadBandwidth(MappedFile(path).bytes(), threads));
    } else if (command == "peak") {
      std::printf("peak %.0f", Int8Peak(kernels->first().name, OperatorParallel()));
    } else {
      throw std::runtime_error("unknown command: " + command);
    }
    std::printf("\n");
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace mmoe

int main(int argc, char** argv) {
  const int threads = argc == 3 ? std::atoi(argv[2]) : 0;
  if (threads < 1 || threads > MMOE_MAX_THREADS) {
    std::fputs("usage: mmoe-bench MODEL.pte THREADS < commands\n", stderr);
    return 2;
  }
  try {
    mmoe::Serve(argv[1], threads);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mmoe-bench: %s\n", error.what());
    return 1;
  }
}
