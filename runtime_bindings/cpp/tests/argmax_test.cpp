// Against the plain loop, at sizes around those of its blocks.

#include "core/argmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "capi/thread_parallel.h"

namespace mmoe {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

int64_t OneByOne(const std::vector<float>& values) {
  size_t best = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) return -1;
    if (values[i] > values[best]) best = i;
  }
  return static_cast<int64_t>(best);
}

int64_t ArgMaxOf(const std::vector<float>& values) {
  return ArgMax(values.data(), static_cast<int64_t>(values.size()));
}

TEST(ArgMax, FindsTheFirstOfTheLargest) {
  std::mt19937 random(1);
  for (const size_t count : {1, 2, 1023, 1024, 1025, 5000}) {
    for (const int levels : {1, 3, 1000}) {  // with few there are ties
      std::uniform_int_distribution<int> level(-levels, levels);
      for (int repeat = 0; repeat < 20; ++repeat) {
        std::vector<float> values(count);
        for (float& value : values) value = static_cast<float>(level(random));
        EXPECT_EQ(ArgMaxOf(values), OneByOne(values)) << count << " values";
      }
    }
  }
}

TEST(ArgMax, TakesInfinities) {
  std::vector<float> values(3000, -kInfinity);
  EXPECT_EQ(ArgMaxOf(values), 0);
  values[2000] = -1e30f;
  EXPECT_EQ(ArgMaxOf(values), 2000);
  values[2500] = kInfinity;
  EXPECT_EQ(ArgMaxOf(values), 2500);
}

TEST(ArgMax, TellsOfWhatIsNotANumber) {
  for (const size_t place : {0, 1500, 2999}) {
    std::vector<float> values(3000, 1.0f);
    values[10] = kInfinity;
    values[place] = std::nanf("");
    EXPECT_EQ(ArgMaxOf(values), -1);
  }
}

TEST(ArgMax, IsTheSameForAnyNumberOfThreads) {
  std::mt19937 random(2);
  for (const int threads : {1, 2, 3, 7}) {
    ThreadParallel pool(threads);
    for (const size_t count : {1, 2, 6, 4097, 20000}) {
      for (const int levels : {1, 3, 1000}) {
        std::uniform_int_distribution<int> level(-levels, levels);
        std::vector<float> values(count);
        for (float& value : values) value = static_cast<float>(level(random));
        const auto size = static_cast<int64_t>(count);
        EXPECT_EQ(ArgMax(values.data(), size, pool.parallel()), OneByOne(values)) << threads << " " << count;
        values[random() % count] = std::nanf("");
        EXPECT_EQ(ArgMax(values.data(), size, pool.parallel()), -1) << threads << " " << count;
      }
    }
  }
}

}  // namespace
}  // namespace mmoe
