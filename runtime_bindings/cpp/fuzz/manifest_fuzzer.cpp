// mmoe.json from anywhere: parsed, or refused with a CoreError. Anything else that happens is a fault.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "core/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    mmoe::ParseManifest({reinterpret_cast<const char*>(data), size}, "mmoe.json");
  } catch (const mmoe::CoreError&) {
  }
  return 0;
}
