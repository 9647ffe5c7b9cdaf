#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace mmoe {

// Survives SIGBUS in a read-only file mapping: a page that the file no longer has is replaced by zeros.
//
// The handler may run on any thread at any time, so it only reads a list of atomics that grows at its head
// and never shrinks: the place of a range that was released is used again.
class GuardedPages {
 public:
  GuardedPages(const void* data, size_t size);
  ~GuardedPages();
  GuardedPages(const GuardedPages&) = delete;

  // Whether a page of the range was lost since it is guarded.
  bool lost() const;

  struct Place;

 private:
  Place* place_;
};

}  // namespace mmoe
