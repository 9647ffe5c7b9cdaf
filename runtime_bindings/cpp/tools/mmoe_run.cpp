// mmoe-run: greedy generation from a converted model in a process without Python or torch. Token ids in,
// token ids out (stdout, comma separated); times on stderr. Exits with 0, 1 if the model or the run fails, 2
// on wrong usage.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "language_model.h"

namespace {

constexpr const char* kUsage =
    "usage: mmoe-run MODEL.pte --ids 1,2,3 [--max-new-tokens N] [--threads N] [--chunk N]\n"
    "  --ids IDS             the prompt's token ids, comma separated\n"
    "  --max-new-tokens N    stop after N tokens (default 64); an end-of-text token or a full context stops "
    "earlier\n"
    "  --threads N           threads (default: the runtime's choice)\n"
    "  --chunk N             prompt tokens per call (default and most: the program's max_seq_len)\n";

class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string model;
  std::vector<int64_t> ids;
  int64_t max_new_tokens = 64;
  int64_t threads = 0;
  int64_t chunk = 0;
};

int64_t ParseInteger(const std::string& text, const std::string& name, int64_t least) {
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || errno != 0 || value < least) {
    throw UsageError(name + ": '" + text + "' is not an integer of at least " + std::to_string(least));
  }
  return value;
}

std::vector<int64_t> ParseIds(const std::string& text) {
  std::vector<int64_t> ids;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    ids.push_back(ParseInteger(text.substr(begin, end - begin), "--ids", 0));
    begin = end + 1;
  }
  return ids;
}

Options ParseOptions(const std::vector<std::string>& arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name.rfind("--", 0) != 0) {
      if (!options.model.empty()) throw UsageError("more than one model: '" + name + "'");
      options.model = name;
      continue;
    }
    if (i + 1 == arguments.size()) throw UsageError(name + " needs a value");
    const std::string& value = arguments[++i];
    if (name == "--ids") {
      options.ids = ParseIds(value);
    } else if (name == "--max-new-tokens") {
      options.max_new_tokens = ParseInteger(value, name, 0);
    } else if (name == "--threads") {
      options.threads = std::min<int64_t>(ParseInteger(value, name, 1), 1024);
    } else if (name == "--chunk") {
      options.chunk = ParseInteger(value, name, 1);
    } else {
      throw UsageError("unknown option " + name);
    }
  }
  if (options.model.empty()) throw UsageError("no model given");
  if (options.ids.empty()) throw UsageError("no prompt given: --ids");
  return options;
}

void CheckPrompt(const Options& options, const mmoe::LanguageModel& model) {
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

int64_t Prefill(const Options& options, mmoe::LanguageModel& model) {
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
  mmoe::LanguageModel model(options.model, static_cast<int>(options.threads));
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

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
      std::fputs(kUsage, stdout);
      return 0;
    }
    Run(ParseOptions(arguments));
    return 0;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "mmoe-run: %s\n%s", error.what(), kUsage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mmoe-run: %s\n", error.what());
    return 1;
  }
}
