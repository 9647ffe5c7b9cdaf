#include "float16.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mmoe {
namespace {

TEST(Float16, EveryBitPatternIsExact) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint32_t exponent = bits >> 10 & 31, mantissa = bits & 1023;
    const double sign = bits & 0x8000 ? -1.0 : 1.0;
    const float found = Float16ToFloat(static_cast<uint16_t>(bits));
    EXPECT_EQ(std::signbit(found), (bits & 0x8000) != 0);
    if (exponent == 31 && mantissa != 0) {
      EXPECT_TRUE(std::isnan(found)) << bits;
    } else if (exponent == 31) {
      EXPECT_TRUE(std::isinf(found)) << bits;
    } else if (exponent == 0) {
      EXPECT_EQ(found, sign * std::ldexp(mantissa, -24)) << bits;
    } else {
      EXPECT_EQ(found, sign * std::ldexp(1024 + mantissa, static_cast<int>(exponent) - 25)) << bits;
    }
  }
}

}  // namespace
}  // namespace mmoe
