#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "core/page_guard.h"

namespace mmoe {

namespace {

[[noreturn]] void FailByErrno(const std::string& path, const char* what) {
  const int code = errno;
  mmoe_status status = MMOE_IO;
  if (code == ENOENT || code == ENOTDIR) status = MMOE_NOT_FOUND;
  if (code == ENOMEM || code == EMFILE || code == ENFILE) status = MMOE_OUT_OF_RESOURCES;
  throw CoreError(status, path + ": " + what + " (" + std::strerror(code) + ")");
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) FailByErrno(path, "cannot be opened");
  struct stat status = {};
  if (fstat(file_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) {
    close(file_);
    throw CoreError(MMOE_CORRUPT, path + ": is empty or not a file");
  }
  size_ = static_cast<size_t>(status.st_size);
  data_ = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file_, 0);
  if (data_ == MAP_FAILED) {
    close(file_);
    FailByErrno(path, "cannot be mapped");
  }
  guard_ = GuardPages(data_, size_);
}

MappedFile::~MappedFile() {
  ReleasePages(guard_);
  munmap(data_, size_);
  close(file_);
}

void MappedFile::Check() const {
  struct stat status = {};
  if (LostPages(guard_) || fstat(file_, &status) != 0 || static_cast<size_t>(status.st_size) < size_) {
    throw CoreError(MMOE_IO, path_ + ": was cut while it was in use; open the model again");
  }
}

}  // namespace mmoe
