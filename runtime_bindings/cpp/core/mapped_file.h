#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mmoe {

// A file mapped for reading. It may vanish or shrink under our feet (an app that updates its models): a page
// that the file no longer has would kill the process with SIGBUS wherever it is touched, on any thread. So
// mappings are guarded: such a page is replaced by zeros, and Check tells.
class MappedFile {
 public:
  // Throws CoreError: MMOE_NOT_FOUND, MMOE_OUT_OF_RESOURCES, MMOE_CORRUPT (empty or no file), MMOE_IO.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

  // Throws CoreError(MMOE_IO) if the file has become shorter since it was mapped; what was computed meanwhile is void.
  void Check() const;

 private:
  std::string path_;
  int file_ = -1;
  void* data_ = nullptr;
  size_t size_ = 0;
  int guard_ = -1;
};

}  // namespace mmoe
