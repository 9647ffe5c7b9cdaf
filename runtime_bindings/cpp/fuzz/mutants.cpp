// Programs that are well formed but not as `convert` wrote them: opened, given a session, prefilled and
// decoded, in processes of their own. None may end its process: it is refused with a code, or runs.
//
//   mmoe_fuzz_mutants ARTIFACT COUNT [FIRST] [--payloads]
//
// Mutant n of an artifact is always the same. --payloads changes the graphs inside XNNPACK's payloads instead
// of the program around them. Prints how many ended where; exits with 1 if one ended its process.

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/mmoe.h"
#include "fuzz/flatbuffer_mutator.h"

namespace mmoe::fuzz {

namespace {

namespace fs = std::filesystem;

// What an assertion of ExecuTorch's leaves behind is leaked, so a process runs a few only.
constexpr int kMutantsPerProcess = 200;
constexpr unsigned kSecondsPerMutant = 60;

enum Stage { kOpen, kSession, kPrefill, kDecode, kRan, kStages };
constexpr const char* kStageNames[] = {"refused at opening", "refused at opening a session",
                                       "refused in prefill", "refused in decode", "ran to the end"};

// Shared by the processes.
struct Progress {
  long next;
  long ended[kStages];
};

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  if (!file) throw std::runtime_error(path.string() + ": cannot be read");
  return content.str();
}

template <typename Value>
Value At(const std::string& bytes, size_t position) {
  Value value;
  std::memcpy(&value, bytes.data() + position, sizeof(value));
  return value;
}

// A part of the program in which offsets are followed.
struct Part {
  size_t begin;
  FlatbufferMutator mutator;
};

// XNNPACK's payloads begin with a header that tells where their graph lies.
std::vector<Part> PayloadParts(const std::string& program) {
  std::vector<Part> parts;
  for (size_t at = program.find("XH00"); at != std::string::npos; at = program.find("XH00", at + 1)) {
    const size_t begin = at - 4 + At<uint32_t>(program, at + 6);
    const std::string_view graph = std::string_view(program).substr(begin, At<uint32_t>(program, at + 10));
    parts.push_back({begin, FlatbufferMutator(graph, XnnpackTypes())});
  }
  if (parts.empty()) throw std::runtime_error("the artifact has no payloads of XNNPACK's");
  return parts;
}

class Mutants {
 public:
  Mutants(const fs::path& artifact, bool payloads) : program_(ReadFile(artifact / "model.pte")) {
    std::string name = fs::temp_directory_path() / "mmoe-mutants-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("there is no place for a temporary folder");
    folder_ = name;
    fs::copy(artifact, folder_);
    if (payloads) {
      parts_ = PayloadParts(program_);
    } else {
      parts_.push_back({0, FlatbufferMutator(program_, ProgramTypes())});
    }
  }
  ~Mutants() { fs::remove_all(folder_); }
  Mutants(const Mutants&) = delete;

  std::string Mutant(long number, std::string* description) const {
    Random random(static_cast<uint64_t>(number));
    std::string mutant = program_;
    const int changes = random() % 2 == 0 ? 1 : 1 + static_cast<int>(random() % 4);
    for (int change = 0; change < changes; ++change) {
      const Part& part = parts_[random() % parts_.size()];
      *description += (change == 0 ? "" : "; ") + part.mutator.Mutate(random, mutant.data() + part.begin);
    }
    return mutant;
  }

  Stage Run(long number) const {
    std::string description;
    const std::string mutant = Mutant(number, &description);
    std::ofstream(folder_ / "model.pte", std::ios::binary | std::ios::trunc) << mutant;
    mmoe_model model = 0;
    if (mmoe_model_open(folder_.c_str(), nullptr, &model) != MMOE_OK) return Note(kOpen, description);
    const Stage stage = Note(RunSession(model), description);
    if (mmoe_model_close(model) != MMOE_OK) std::abort();
    return stage;
  }

 private:
  // With MMOE_FUZZ_VERBOSE, what became of every mutant and why.
  static Stage Note(Stage stage, const std::string& description) {
    static const bool verbose = std::getenv("MMOE_FUZZ_VERBOSE") != nullptr;
    if (verbose) {
      std::printf("%s: %s: %s\n", description.c_str(), kStageNames[stage],
                  stage == kRan ? "" : mmoe_last_error());
      std::fflush(stdout);
    }
    return stage;
  }

  static Stage RunSession(mmoe_model model) {
    mmoe_session session = 0;
    if (mmoe_session_open(model, nullptr, &session) != MMOE_OK) return kSession;
    const int32_t ids[] = {5, 6, 7, 8, 9};
    if (mmoe_session_prefill(session, ids, std::size(ids), nullptr) != MMOE_OK) return kPrefill;
    for (int step = 0; step < 2; ++step) {
      if (mmoe_session_decode(session, ids[step]) != MMOE_OK) return kDecode;
    }
    return kRan;
  }

  std::string program_;
  fs::path folder_;
  std::vector<Part> parts_;
};

// Runs mutants from progress->next on in a child until `end`; whether it came back.
bool RunBatch(const Mutants& mutants, long end, Progress* progress) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no process for the next mutants");
  if (child == 0) {
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    for (; progress->next < end; ++progress->next) {
      alarm(kSecondsPerMutant);
      ++progress->ended[mutants.Run(progress->next)];
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  std::string description;
  mutants.Mutant(progress->next, &description);
  std::printf("mutant %ld ended its process (%s %d): %s\n", progress->next,
              WIFSIGNALED(status) ? "signal" : "exit status",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), description.c_str());
  return false;
}

int Main(const std::vector<std::string>& arguments) {
  const bool payloads = std::find(arguments.begin(), arguments.end(), "--payloads") != arguments.end();
  const size_t numbers = arguments.size() - (payloads ? 1 : 0);
  if (numbers < 2 || numbers > 3) {
    std::fputs("usage: mmoe_fuzz_mutants ARTIFACT COUNT [FIRST] [--payloads]\n", stderr);
    return 2;
  }
  const Mutants mutants(arguments[0], payloads);
  const long count = std::stol(arguments[1]), first = numbers == 3 ? std::stol(arguments[2]) : 0;
  auto* progress = static_cast<Progress*>(
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (progress == MAP_FAILED) throw std::runtime_error("no shared memory");
  progress->next = first;
  long died = 0;
  while (progress->next < first + count) {
    if (RunBatch(mutants, std::min(progress->next + kMutantsPerProcess, first + count), progress)) continue;
    ++died;
    ++progress->next;
  }
  std::printf("%ld mutants of %s%s: %ld ended their process", count, arguments[0].c_str(),
              payloads ? "'s payloads" : "", died);
  for (int stage = 0; stage < kStages; ++stage)
    std::printf(", %ld %s", progress->ended[stage], kStageNames[stage]);
  std::puts("");
  return died == 0 ? 0 : 1;
}

}  // namespace
}  // namespace mmoe::fuzz

int main(int argc, char** argv) {
  try {
    return mmoe::fuzz::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mmoe_fuzz_mutants: %s\n", error.what());
    return 2;
  }
}
