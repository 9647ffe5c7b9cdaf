#pragma once

#include <executorch/runtime/core/data_loader.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string_view>

namespace mmoe {

// Hands out parts of a mapped file. ExecuTorch's own loader maps every segment by itself, without a guard.
class MappedLoader final : public executorch::runtime::DataLoader {
 public:
  explicit MappedLoader(std::string_view bytes) : bytes_(bytes) {}

  executorch::runtime::Result<executorch::runtime::FreeableBuffer> load(size_t offset, size_t size,
                                                                        const SegmentInfo&) const override {
    if (offset > bytes_.size() || size > bytes_.size() - offset) {
      return executorch::runtime::Error::InvalidProgram;
    }
    return executorch::runtime::FreeableBuffer(bytes_.data() + offset, size, Release);
  }
  executorch::runtime::Result<size_t> size() const override { return bytes_.size(); }

 private:
  // What a delegate has packed into memory of its own need not stay resident; read again, it would come back.
  static void Release(void*, void* data, size_t size) {
    const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
    const auto end = (reinterpret_cast<uintptr_t>(data) + size) / page * page;
    if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }

  std::string_view bytes_;
};

}  // namespace mmoe
