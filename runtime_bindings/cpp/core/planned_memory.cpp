#include "core/planned_memory.h"

#include <sys/mman.h>

#include "core/error.h"

namespace mmoe {

using executorch::runtime::HierarchicalAllocator;
using executorch::runtime::Span;

namespace {

constexpr size_t kShared = 1;

size_t BufferBytes(const std::string& path, const executorch::runtime::MethodMeta& method, size_t index) {
  const auto planned = method.memory_planned_buffer_size(index);
  if (!planned.ok() || *planned < 0)
    throw CoreError(MMOE_CORRUPT, path + ": is damaged: a planned buffer has no size");
  return static_cast<size_t>(*planned);
}

}  // namespace

uint64_t PlannedMemory::Bytes(const std::string& path, const executorch::runtime::MethodMeta& method,
                              bool shares) {
  uint64_t bytes = 0;
  for (size_t index = 0; index < method.num_memory_planned_buffers(); ++index) {
    if (!shares || index != kShared) bytes += BufferBytes(path, method, index);
  }
  return bytes;
}

void PlannedMemory::Unmap::operator()(uint8_t* pages) const { munmap(pages, bytes); }

PlannedMemory::PlannedMemory(const std::string& path, const executorch::runtime::MethodMeta& method,
                             const PlannedMemory* sibling) {
  for (size_t index = 0; index < method.num_memory_planned_buffers(); ++index) {
    const size_t bytes = BufferBytes(path, method, index);
    if (sibling != nullptr && index == kShared) {
      if (sibling->spans_.size() <= kShared || sibling->spans_[kShared].size() != bytes)
        throw CoreError(MMOE_CORRUPT, path + ": is damaged: its methods do not share their caches");
      spans_.push_back(sibling->spans_[kShared]);
      continue;
    }
    if (bytes == 0) {
      spans_.emplace_back();
      continue;
    }
    void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
      throw CoreError(MMOE_OUT_OF_RESOURCES,
                      path + ": there is not enough memory for the " + std::to_string(bytes) +
                          " bytes of its activations and caches; convert with a smaller --max-context-len");
    }
    buffers_.emplace_back(static_cast<uint8_t*>(pages), Unmap{bytes});
    spans_.emplace_back(buffers_.back().get(), bytes);
  }
  if (sibling != nullptr && spans_.size() <= kShared)
    throw CoreError(MMOE_CORRUPT, path + ": is damaged: its methods share no caches");
  allocator_ = std::make_unique<HierarchicalAllocator>(Span<Span<uint8_t>>(spans_.data(), spans_.size()));
}

}  // namespace mmoe
