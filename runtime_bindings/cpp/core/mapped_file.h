#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/page_guard.h"

namespace mmoe {

// What tells a file from one that took its name, and its content from what was written over it.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t bytes = 0;
  int64_t modified_seconds = 0;
  int64_t modified_nanoseconds = 0;

  bool operator==(const FileIdentity& other) const;
};

// A file mapped for reading. It may vanish, shrink or be written over under our feet (an app that updates its
// models): a page that the file no longer has would kill the process with SIGBUS wherever it is touched, on
// any thread. So mappings are guarded: such a page is replaced by zeros, and Check tells.
class MappedFile {
 public:
  // Throws CoreError: MMOE_NOT_FOUND, MMOE_OUT_OF_RESOURCES, MMOE_CORRUPT (empty or no file), MMOE_IO.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::string_view bytes() const { return {static_cast<const char*>(data_), identity_.bytes}; }
  const FileIdentity& identity() const { return identity_; }

  // Reads the pages of a part, so that touching it later waits for no disk.
  void ReadIntoMemory(uint64_t begin, uint64_t count) const;

  // Throws CoreError(MMOE_IO) if the file has been cut or written to since it was mapped; what was computed
  // meanwhile is void. Costs one fstat.
  void Check() const;

 private:
  std::string path_;
  int file_ = -1;
  void* data_ = nullptr;
  FileIdentity identity_;
  std::optional<GuardedPages> guard_;
};

}  // namespace mmoe
