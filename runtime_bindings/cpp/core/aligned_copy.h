#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

namespace mmoe {

// Bytes of a file in memory of our own, aligned as ExecuTorch wants a flatbuffer.
class AlignedCopy {
 public:
  explicit AlignedCopy(std::string_view bytes)
      : data_(static_cast<char*>(::operator new(bytes.size(), kAlignment))), size_(bytes.size()) {
    std::memcpy(data_.get(), bytes.data(), bytes.size());
  }

  std::string_view bytes() const { return {data_.get(), size_}; }

  // Gives the memory up to Free.
  char* release() { return data_.release(); }
  static void Free(void*, void* data, size_t) { ::operator delete(data, kAlignment); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Delete {
    void operator()(char* data) const { ::operator delete(data, kAlignment); }
  };

  std::unique_ptr<char, Delete> data_;
  size_t size_;
};

}  // namespace mmoe
