#include "benchmarks/mapped_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace mmoe {
namespace {

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

// An unlinked file in TMPDIR.
int TemporaryFile() {
  const char* folder = std::getenv("TMPDIR");
  std::string path = std::string(folder != nullptr ? folder : "/tmp") + "/mmoe-benchmark-XXXXXX";
  const int file = mkstemp(path.data());
  if (file < 0) Fail(path.c_str());
  unlink(path.c_str());
  return file;
}

}  // namespace

MappedFile::MappedFile() : file_(TemporaryFile()) {}

MappedFile::~MappedFile() {
  if (bytes_ != nullptr) munmap(const_cast<char*>(bytes_), static_cast<size_t>(size_));
  close(file_);
}

void MappedFile::Append(const void* bytes, int64_t count) {
  const char* from = static_cast<const char*>(bytes);
  size_ += count;
  while (count > 0) {
    const ssize_t written = write(file_, from, static_cast<size_t>(count));
    if (written <= 0) Fail("temporary file");
    from += written;
    count -= written;
  }
}

void MappedFile::Map() {
  void* mapped = mmap(nullptr, static_cast<size_t>(size_), PROT_READ, MAP_SHARED | MAP_POPULATE, file_, 0);
  if (mapped == MAP_FAILED) Fail("mapping the temporary file");
  bytes_ = static_cast<const char*>(mapped);
}

}  // namespace mmoe
