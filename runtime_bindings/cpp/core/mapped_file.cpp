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

FileIdentity IdentityOf(const struct stat& status) {
#ifdef __APPLE__
  const timespec& modified = status.st_mtimespec;
#else
  const timespec& modified = status.st_mtim;
#endif
  return {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino),
          static_cast<uint64_t>(status.st_size), static_cast<int64_t>(modified.tv_sec),
          static_cast<int64_t>(modified.tv_nsec)};
}

}  // namespace

bool FileIdentity::operator==(const FileIdentity& other) const {
  return device == other.device && inode == other.inode && bytes == other.bytes &&
         modified_seconds == other.modified_seconds && modified_nanoseconds == other.modified_nanoseconds;
}

MappedFile::MappedFile(const std::string& path) : path_(path) {
  // A FIFO would wait for its writer.
  file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file_ < 0) FailByErrno(path, "cannot be opened");
  struct stat status = {};
  if (fstat(file_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) {
    close(file_);
    throw CoreError(MMOE_CORRUPT, path + ": is empty or not a file");
  }
  identity_ = IdentityOf(status);
  data_ = mmap(nullptr, identity_.bytes, PROT_READ, MAP_SHARED, file_, 0);
  if (data_ == MAP_FAILED) {
    const int code = errno;
    close(file_);
    errno = code;
    FailByErrno(path, "cannot be mapped");
  }
  guard_.emplace(data_, identity_.bytes);
}

MappedFile::~MappedFile() {
  guard_.reset();
  munmap(data_, identity_.bytes);
  close(file_);
}

void MappedFile::ReadIntoMemory(uint64_t begin, uint64_t count) const {
  // The smallest page there is: larger ones are touched several times.
  constexpr uint64_t kPage = 4096;
  const uint64_t first = begin / kPage * kPage;
  // Advice: one large read instead of one for each page.
  madvise(static_cast<char*>(data_) + first, begin + count - first, MADV_WILLNEED);
  const auto* bytes = static_cast<const volatile char*>(data_);
  for (uint64_t at = first; at < begin + count; at += kPage) static_cast<void>(bytes[at]);
}

void MappedFile::Check() const {
  struct stat status = {};
  if (guard_->lost() || fstat(file_, &status) != 0 ||
      static_cast<uint64_t>(status.st_size) < identity_.bytes) {
    throw CoreError(MMOE_IO, path_ + ": was cut while it was in use; open the model again");
  }
  if (!(IdentityOf(status) == identity_)) {
    throw CoreError(MMOE_IO, path_ + ": was written to while it was in use; open the model again");
  }
}

}  // namespace mmoe
