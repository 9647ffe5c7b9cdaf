// A snapshot of a session from anywhere: refused with a CoreError, or a state that a session can go on from. The sum is
// made right first, or nothing behind it would ever be read.

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/error.h"
#include "core/snapshot/session_state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const mmoe::SnapshotOwner owner = {"0123456789abcdef", 320, 64};
  const std::string given(reinterpret_cast<const char*>(data), size);
  std::string sealed = mmoe::BeginSnapshot(owner, {});
  sealed += given;
  for (std::string file : {given, sealed}) {
    if (file.size() >= mmoe::kSnapshotHeaderBytes) mmoe::SealSnapshot(&file);
    try {
      const mmoe::ReadSnapshot snapshot = mmoe::ParseSnapshot(file, owner, "snapshot");
      // What was read is written as it was.
      std::string again = mmoe::BeginSnapshot(owner, snapshot.state);
      again += snapshot.tensors;
      mmoe::SealSnapshot(&again);
      if (mmoe::ParseSnapshot(again, owner, "snapshot").state.ids != snapshot.state.ids) __builtin_trap();
    } catch (const mmoe::CoreError&) {
    }
  }
  return 0;
}
