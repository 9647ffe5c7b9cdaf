// A model.pte from anywhere, as far as opening a model reads it: header, flatbuffer, constant methods.
// ExecuTorch itself is not instrumented, so what guides the fuzzer here is our own code, and what it finds
// are crashes of both.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/error.h"
#include "core/program.h"

namespace {

// A file that exists in memory only.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : file_(memfd_create("model.pte", 0)) {
    if (file_ < 0 || write(file_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { close(file_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile file(data, size);
  try {
    const mmoe::Program program(file.path(), "some version");
  } catch (const mmoe::CoreError&) {
  }
  return 0;
}
