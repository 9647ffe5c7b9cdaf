#include "core/snapshot/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/error.h"

namespace mmoe {

namespace {

[[noreturn]] void FailByErrno(const std::string& path, const char* what) {
  const int code = errno;
  const bool missing = code == ENOENT || code == ENOTDIR;
  throw CoreError(missing ? MMOE_NOT_FOUND : MMOE_IO, path + ": " + what + " (" + std::strerror(code) + ")");
}

class Descriptor {
 public:
  explicit Descriptor(int file) : file_(file) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;

  int get() const { return file_; }
  // Some file systems tell only now that a write has failed.
  bool Close() {
    const int file = file_;
    file_ = -1;
    return file < 0 || close(file) == 0;
  }

 private:
  int file_;
};

bool WriteAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// Where a file is to stand: links stay links, and what is no file is not replaced by one. To who may write in /dev,
// a rename would put a file in the place of a device.
std::string PlaceOf(const std::string& path) {
  struct stat status = {};
  if (lstat(path.c_str(), &status) != 0) return path;
  std::string place = path;
  if (S_ISLNK(status.st_mode)) {
    char resolved[PATH_MAX];
    if (realpath(path.c_str(), resolved) == nullptr || stat(resolved, &status) != 0) {
      FailByErrno(path, "cannot be written");
    }
    place = resolved;
  }
  if (!S_ISREG(status.st_mode)) {
    throw CoreError(MMOE_IO, path + ": cannot be written (there is something that is no regular file)");
  }
  return place;
}

}  // namespace

std::string ReadWholeFile(const std::string& path, uint64_t most_bytes) {
  // A FIFO would wait for its writer.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) FailByErrno(path, "cannot be opened");
  struct stat status = {};
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw CoreError(MMOE_CORRUPT, path + ": is not a file");
  }
  if (static_cast<uint64_t>(status.st_size) > most_bytes) {
    throw CoreError(MMOE_CORRUPT, path + ": has " + std::to_string(status.st_size) +
                                      " bytes, more than the " + std::to_string(most_bytes) +
                                      " that it can have");
  }
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) FailByErrno(path, "cannot be read");
    if (got == 0) break;  // cut meanwhile: what the content says will tell
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

void ReplaceFile(const std::string& path, std::string_view bytes) {
  static std::atomic<uint64_t> count{0};
  const std::string place = PlaceOf(path);
  const std::string partial =
      place + ".partial-" + std::to_string(getpid()) + "-" + std::to_string(count.fetch_add(1));
  Descriptor file(open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) FailByErrno(path, "cannot be written");
  const bool written = WriteAll(file.get(), bytes) && fsync(file.get()) == 0 && file.Close();
  if (!written || rename(partial.c_str(), place.c_str()) != 0) {
    const int code = errno;
    unlink(partial.c_str());
    errno = code;
    FailByErrno(path, "cannot be written");
  }
}

}  // namespace mmoe
