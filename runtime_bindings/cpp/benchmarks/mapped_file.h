#pragma once

#include <cstdint>

namespace mmoe {

// What a benchmark maps at least: far more than caches hold.
constexpr int64_t kLeastMappedBytes = int64_t{600} << 20;

// Bytes in a file mapped like an artifact's: read-only, shared, in pages of 4 KB that are all in the page cache. The
// file has no name and goes with the process, which ends if there is no room for it.
class MappedFile {
 public:
  MappedFile();
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  void Append(const void* bytes, int64_t count);

  // After the last Append.
  void Map();

  const char* bytes() const { return bytes_; }
  int64_t size() const { return size_; }

 private:
  int file_;
  int64_t size_ = 0;
  const char* bytes_ = nullptr;
};

}  // namespace mmoe
