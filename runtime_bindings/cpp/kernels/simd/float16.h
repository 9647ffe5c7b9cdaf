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

// binary32 -> binary16, rounded to nearest even; infinity from 65520 on, NaN made quiet.
static inline uint16_t FloatToFloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x477ff000u) {
    half = 0x7c00u;
  } else if (magnitude >= 0x38800000u) {
    half = (magnitude - ((127u - 15u) << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  } else {  // subnormal: adding 0.5 leaves the value in units of 2^-24, rounded, in the low bits
    float shifted;
    std::memcpy(&shifted, &magnitude, sizeof shifted);
    shifted += 0.5f;
    std::memcpy(&half, &shifted, sizeof half);
    half -= 0x3f000000u;
  }
  return static_cast<uint16_t>(sign | half);
}

}  // namespace mmoe
