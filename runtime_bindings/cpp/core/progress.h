#pragma once

#include <cstdint>

#include "core/error.h"
#include "core/mmoe.h"

namespace mmoe {

// What a caller is told while a model is opened or warmed up.
class Progress {
 public:
  Progress(mmoe_on_progress tell, void* context) : tell_(tell), context_(context) {}

  // Throws CoreError(MMOE_CANCELLED) if the caller wants no more.
  void Tell(mmoe_load_stage stage, uint64_t done, uint64_t total) const {
    if (tell_ == nullptr || tell_(context_, stage, done, total) == 0) return;
    throw CoreError(MMOE_CANCELLED, "the caller ended the call when it was told of its progress");
  }

  // A stage whose inside is not measured.
  template <typename Work>
  void InOnePiece(mmoe_load_stage stage, Work work) const {
    Tell(stage, 0, 1);
    work();
    Tell(stage, 1, 1);
  }

 private:
  mmoe_on_progress tell_;
  void* context_;
};

// Bytes between two reports.
constexpr uint64_t kProgressBytes = 8 << 20;

}  // namespace mmoe
