#pragma once

#include <cstdint>

namespace mmoe {

// Threads of the process's pools. Setting it is for a moment when nothing runs on them and no delegate holds one.
uint32_t PoolThreads();
void SetPoolThreads(uint32_t threads);

// Decides, as long as it lives, on which pool this process's operators run. A delegate brings ExecuTorch's, whose threads look
// out for work for milliseconds after each region and would take the cores of another pool's: so all share that one while
// a program with delegates is open. A TaskPool of as many threads is for programs without.
class PoolUse {
 public:
  explicit PoolUse(bool has_delegates);
  ~PoolUse();
  PoolUse(const PoolUse&) = delete;

 private:
  const bool has_delegates_;
};

}  // namespace mmoe
