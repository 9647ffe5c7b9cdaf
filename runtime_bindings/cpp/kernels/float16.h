#pragma once

#include <cstdint>
#include <cstring>

namespace mmoe {

// Exact IEEE binary16 -> binary32, subnormals, infinities and NaN included.
static inline float Float16ToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  uint32_t bits;
  if (magnitude >= 0x7c00u) {  // infinity, NaN (made quiet, as the hardware conversion does)
    bits = 0x7f800000u | ((magnitude & 0x3ffu) << 13) | ((magnitude & 0x3ffu) != 0 ? 0x400000u : 0u);
  } else if (magnitude >= 0x400u) {
    bits = (magnitude << 13) + ((127u - 15u) << 23);
  } else {  // subnormal: magnitude * 2^-24, exact in binary32
    const float value = static_cast<float>(magnitude) * 5.9604644775390625e-8f;
    std::memcpy(&bits, &value, sizeof bits);
  }
  bits |= sign;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

}  // namespace mmoe
