// mmoe-run: greedy generation from a converted model in a process without Python or torch. Token ids in,
// token ids out (stdout, comma separated); times on stderr. Exits with 0, 1 if the model or the run fails, 2
// on wrong usage.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "language_model.h"
#include "options.h"

namespace mmoe {
namespace {

void CheckPrompt(const Options& options, const LanguageModel& model) {
  const auto count = static_cast<int64_t>(options.ids.size());
  if (count > model.max_context_len()) {
    throw std::runtime_error("the prompt has " + std::to_string(count) + " tokens, the context " +
                             std::to_string(model.max_context_len()));
  }
  for (const int64_t id : options.ids) {
    if (id >= model.vocab_size()) {
      throw std::runtime_error("token id " + std::to_string(id) + " is outside the vocabulary of " +
                               std::to_string(model.vocab_size()));
    }
  }
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int64_t Prefill(const Options& options, LanguageModel& model) {
  const int64_t most = model.max_seq_len();
  const int64_t chunk = options.chunk > 0 ? std::min(options.chunk, most) : most;
  const auto count = static_cast<int64_t>(options.ids.size());
  int64_t next = 0;
  for (int64_t begin = 0; begin < count; begin += chunk) {
    const int64_t end = std::min(count, begin + chunk);
    next = model.Forward({options.ids.begin() + begin, options.ids.begin() + end}, begin);
  }
  return next;
}

void Run(const Options& options) {
  auto start = std::chrono::steady_clock::now();
  LanguageModel model(options.model, static_cast<int>(options.threads));
  std::fprintf(stderr, "load: %.3f s\n", SecondsSince(start));
  CheckPrompt(options, model);
  if (options.max_new_tokens == 0) return;

  start = std::chrono::steady_clock::now();
  int64_t next = Prefill(options, model);
  const double prefill = SecondsSince(start);
  auto position = static_cast<int64_t>(options.ids.size());
  std::fprintf(stderr, "prefill: %lld tokens, %.3f s, %.1f tokens/s\n", static_cast<long long>(position),
               prefill, static_cast<double>(position) / prefill);

  start = std::chrono::steady_clock::now();
  const auto& eos = model.eos_ids();
  int64_t produced = 0;
  int64_t steps = 0;
  while (std::find(eos.begin(), eos.end(), next) == eos.end()) {
    std::printf(produced == 0 ? "%lld" : ",%lld", static_cast<long long>(next));
    std::fflush(stdout);
    if (++produced == options.max_new_tokens) break;
    if (position == model.max_context_len()) {
      std::fprintf(stderr, "stopped: the context of %lld tokens is full\n", static_cast<long long>(position));
      break;
    }
    next = model.Forward({next}, position++);
    ++steps;
  }
  std::printf("\n");
  const double decode = SecondsSince(start);
  std::fprintf(stderr, "decode: %lld tokens, %.3f s, %.1f tokens/s\n", static_cast<long long>(steps), decode,
               steps > 0 ? static_cast<double>(steps) / decode : 0.0);
}

}  // namespace
}  // namespace mmoe

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
      std::fputs(mmoe::kUsage, stdout);
      return 0;
    }
    mmoe::Run(mmoe::ParseOptions(arguments));
    return 0;
  } catch (const mmoe::UsageError& error) {
    std::fprintf(stderr, "mmoe-run: %s\n%s", error.what(), mmoe::kUsage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mmoe-run: %s\n", error.what());
    return 1;
  }
}
