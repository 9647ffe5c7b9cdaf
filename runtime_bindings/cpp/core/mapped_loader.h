#pragma once

#include <executorch/runtime/core/data_loader.h>

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
    return executorch::runtime::FreeableBuffer(bytes_.data() + offset, size, nullptr);
  }
  executorch::runtime::Result<size_t> size() const override { return bytes_.size(); }

 private:
  std::string_view bytes_;
};

}  // namespace mmoe
