#pragma once

#include <executorch/runtime/core/data_loader.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string_view>

#include "core/aligned_copy.h"

namespace mmoe {

// Hands out parts of a mapped file. Offsets are followed in the program's flatbuffer and in delegates'
// payloads, so these are copies, which stay as they are whatever happens to the file; all else is used where
// it lies. ExecuTorch's own loader maps every segment by itself, without a guard.
class MappedLoader final : public executorch::runtime::DataLoader {
 public:
  // `flatbuffer`: the copy of the front of the file.
  MappedLoader(std::string_view bytes, std::string_view flatbuffer)
      : bytes_(bytes), flatbuffer_(flatbuffer) {}

  executorch::runtime::Result<executorch::runtime::FreeableBuffer> load(
      size_t offset, size_t size, const SegmentInfo& segment) const override {
    using executorch::runtime::FreeableBuffer;
    if (offset > bytes_.size() || size > bytes_.size() - offset) {
      return executorch::runtime::Error::InvalidProgram;
    }
    if (offset <= flatbuffer_.size() && size <= flatbuffer_.size() - offset) {
      return FreeableBuffer(flatbuffer_.data() + offset, size, nullptr);
    }
    if (segment.segment_type == SegmentInfo::Type::Backend) {
      return FreeableBuffer(AlignedCopy(bytes_.substr(offset, size)).release(), size, AlignedCopy::Free);
    }
    return FreeableBuffer(bytes_.data() + offset, size, Release);
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
  std::string_view flatbuffer_;
};

}  // namespace mmoe
