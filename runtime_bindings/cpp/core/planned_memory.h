#pragma once

#include <executorch/runtime/core/hierarchical_allocator.h>
#include <executorch/runtime/core/span.h>
#include <executorch/runtime/executor/method_meta.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mmoe {

// The buffers that a method plans for its activations and its KV caches, as anonymous mappings. A page costs
// memory from the moment that something is written into it, so a cache takes what its context holds; and
// every tensor, planned at a multiple of 64 bytes, begins with a line of the caches. ExecuTorch's own buffers
// are zeroed vectors: all of them is resident at once (S with an 8,192-token cache: 110 MB instead of 31 MB
// after 1,024 tokens), and begins 16 bytes behind a line.
class PlannedMemory {
 public:
  // What one maps for a method, in bytes; `shares`: with a sibling. Throws as the constructor does.
  static uint64_t Bytes(const std::string& path, const executorch::runtime::MethodMeta& method, bool shares);

  // `path` of the program, for messages. `sibling`: of another method, whose KV caches this one shares, or nullptr; it
  // must live as long. ExecuTorch plans what methods share as their second buffer. Throws CoreError:
  // MMOE_OUT_OF_RESOURCES, MMOE_CORRUPT.
  PlannedMemory(const std::string& path, const executorch::runtime::MethodMeta& method,
                const PlannedMemory* sibling);

  // Of buffer `memory`, counted from 1 as a program does.
  uint8_t* buffer(uint32_t memory) const { return spans_[memory - 1].data(); }
  executorch::runtime::HierarchicalAllocator* allocator() { return allocator_.get(); }

 private:
  struct Unmap {
    size_t bytes;
    void operator()(uint8_t* pages) const;
  };

  std::vector<std::unique_ptr<uint8_t, Unmap>> buffers_;
  std::vector<executorch::runtime::Span<uint8_t>> spans_;
  std::unique_ptr<executorch::runtime::HierarchicalAllocator> allocator_;
};

}  // namespace mmoe
