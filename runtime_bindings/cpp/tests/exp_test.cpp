#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/simd/simd_portable.h"

#include "kernels/simd/exp-inl.h"

namespace mmoe {
namespace {

float ExpOf(float x) { return FirstLane(Exp(Broadcast(x))); }

TEST(Exp, IsWithinTwoUlpOfDouble) {
  double worst = 0;
  for (double x = -87.3; x < 88.3; x += 0.00037) {
    const float argument = static_cast<float>(x);
    const double exact = std::exp(static_cast<double>(argument));
    const double ulp = static_cast<double>(std::nextafter(static_cast<float>(exact), INFINITY)) -
                       static_cast<double>(static_cast<float>(exact));
    worst = std::fmax(worst, std::fabs(static_cast<double>(ExpOf(argument)) - exact) / ulp);
  }
  EXPECT_LT(worst, 2.0);
}

TEST(Exp, HoldsAtItsEnds) {
  EXPECT_EQ(ExpOf(0.0f), 1.0f);
  EXPECT_EQ(ExpOf(89.0f), std::numeric_limits<float>::infinity());
  EXPECT_EQ(ExpOf(std::numeric_limits<float>::infinity()), std::numeric_limits<float>::infinity());
  EXPECT_LT(ExpOf(-std::numeric_limits<float>::infinity()), 1.3e-38f);
  EXPECT_TRUE(std::isnan(ExpOf(std::numeric_limits<float>::quiet_NaN())));
}

TEST(Exp, NeverDecreases) {
  float previous = 0.0f;
  for (float x = -87.0f; x < 88.0f; x += 0.01f) {
    const float value = ExpOf(x);
    EXPECT_GE(value, previous) << x;
    previous = value;
  }
}

float Exp2Of(float x) { return FirstLane(Exp2(Broadcast(x))); }

TEST(Exp2, IsWithinTwoAndAHalfUlpOfDouble) {
  double worst = 0;
  for (double x = -126.0; x <= 0.0; x += 0.00037) {
    const float argument = static_cast<float>(x);
    const double exact = std::exp2(static_cast<double>(argument));
    const double ulp = static_cast<double>(std::nextafter(static_cast<float>(exact), INFINITY)) -
                       static_cast<double>(static_cast<float>(exact));
    worst = std::fmax(worst, std::fabs(static_cast<double>(Exp2Of(argument)) - exact) / ulp);
  }
  EXPECT_LT(worst, 2.5);
}

TEST(Exp2, HoldsAtItsEnds) {
  EXPECT_EQ(Exp2Of(0.0f), 1.0f);
  EXPECT_EQ(Exp2Of(-0.0f), 1.0f);
  EXPECT_EQ(Exp2Of(-126.0f), std::numeric_limits<float>::min());
  EXPECT_EQ(Exp2Of(-1e30f), std::numeric_limits<float>::min());
  EXPECT_EQ(Exp2Of(-std::numeric_limits<float>::infinity()), std::numeric_limits<float>::min());
  EXPECT_TRUE(std::isnan(Exp2Of(std::numeric_limits<float>::quiet_NaN())));
}

TEST(Lanes, AddInAFixedTree) {
  F32x16 values;
  for (int i = 0; i < 16; ++i) values.lane[i] = std::ldexp(1.0f, 3 * i % 29) + static_cast<float>(i);
  float sums[16];
  for (int i = 0; i < 16; ++i) sums[i] = values.lane[i];
  for (const int width : {8, 4, 2, 1}) {
    for (int i = 0; i < width; ++i) sums[i] += sums[i + width];
  }
  EXPECT_EQ(ReduceAdd(values), sums[0]);
}

}  // namespace
}  // namespace mmoe
