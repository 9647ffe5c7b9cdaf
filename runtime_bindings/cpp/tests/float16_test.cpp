#include "kernels/simd/float16.h"

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

TEST(Float16, EveryBitPatternSurvivesTheWayThereAndBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const bool nan = (bits & 0x7fff) > 0x7c00;
    const uint32_t expected = nan ? bits | 0x200 : bits;
    EXPECT_EQ(FloatToFloat16(Float16ToFloat(static_cast<uint16_t>(bits))), expected) << bits;
  }
}

TEST(Float16, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const double low = Float16ToFloat(static_cast<uint16_t>(bits));
    const double high = bits == 0x7bff ? 65536.0 : Float16ToFloat(static_cast<uint16_t>(bits + 1));
    const float half_way = static_cast<float>((low + high) / 2);  // exact: one bit more
    const uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    EXPECT_EQ(FloatToFloat16(half_way), even) << bits;
    EXPECT_EQ(FloatToFloat16(-half_way), even | 0x8000) << bits;
    EXPECT_EQ(FloatToFloat16(std::nextafterf(half_way, 0.0f)), bits);
    EXPECT_EQ(FloatToFloat16(std::nextafterf(half_way, 1e6f)), bits + 1);
  }
}

}  // namespace
}  // namespace mmoe
