// What simde_avx512.h adds to SIMDe, against plain loops, and the product that all kernels are made of.

#include "tests/simde_avx512.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>

#include "kernels/isa/isa.h"
#include "kernels/simd/float16.h"

namespace mmoe {
namespace {

using Floats = std::array<float, 16>;
using Ints = std::array<int32_t, 16>;

// The same bits as another type: of a vector its lanes, of lanes a vector.
template <typename To, typename From>
To As(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

class SimdeAvx512 : public testing::Test {
 protected:
  // Halves among them, which round to even.
  Floats RandomFloats() {
    Floats values;
    for (float& value : values) value = static_cast<float>(static_cast<int32_t>(random_()) >> 8) / 2.0f;
    return values;
  }
  template <typename Lanes>
  Lanes RandomBytes() {
    Lanes lanes;
    for (auto& lane : lanes) lane = static_cast<typename Lanes::value_type>(random_());
    return lanes;
  }

  std::mt19937 random_{1};
};

TEST_F(SimdeAvx512, BringsTheInstructionSet) {
  const char* error = nullptr;
  EXPECT_NE(FindKernels("avx512_vnni", &error), nullptr) << error;
}

TEST_F(SimdeAvx512, MultipliesBytes) {
  for (int round = 0; round < 100; ++round) {
    const auto sums = RandomBytes<Ints>();
    const auto a = RandomBytes<std::array<uint8_t, 64>>();
    const auto b = RandomBytes<std::array<int8_t, 64>>();
    Ints expected = sums;
    for (size_t i = 0; i < 64; ++i) {
      expected[i / 4] =
          static_cast<int32_t>(static_cast<uint32_t>(expected[i / 4]) + static_cast<uint32_t>(a[i] * b[i]));
    }
    EXPECT_EQ(As<Ints>(_mm512_dpbusd_epi32(As<__m512i>(sums), As<__m512i>(a), As<__m512i>(b))), expected);
  }
}

TEST_F(SimdeAvx512, Converts) {
  for (int round = 0; round < 100; ++round) {
    const Floats floats = RandomFloats();
    const auto ints = RandomBytes<Ints>();
    const auto bytes = RandomBytes<std::array<uint8_t, 16>>();
    Ints rounded, widened;
    Floats of_ints;
    for (size_t i = 0; i < 16; ++i) {
      rounded[i] = static_cast<int32_t>(std::nearbyint(floats[i]));
      widened[i] = bytes[i];
      of_ints[i] = static_cast<float>(ints[i]);
    }
    EXPECT_EQ(As<Ints>(_mm512_cvtps_epi32(As<__m512>(floats))), rounded);
    EXPECT_EQ(As<Floats>(_mm512_cvtepi32_ps(As<__m512i>(ints))), of_ints);
    EXPECT_EQ(As<Ints>(_mm512_cvtepu8_epi32(As<__m128i>(bytes))), widened);
    EXPECT_EQ(_mm512_cvtss_f32(As<__m512>(floats)), floats[0]);
  }
}

TEST_F(SimdeAvx512, ConvertsFloat16) {
  for (int round = 0; round < 1000; ++round) {
    std::array<uint16_t, 16> halves;
    Floats floats, values = RandomFloats();
    for (size_t i = 0; i < 16; ++i) {
      halves[i] = static_cast<uint16_t>(random_() % 0x7c00);
      floats[i] = Float16ToFloat(halves[i]);
      values[i] = std::ldexp(values[i], static_cast<int>(random_() % 40) - 40);
    }
    EXPECT_EQ(As<Floats>(_mm512_cvtph_ps(As<__m256i>(halves))), floats);
    const auto rounded = As<std::array<uint16_t, 16>>(
        _mm512_cvtps_ph(As<__m512>(values), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    for (size_t i = 0; i < 16; ++i) EXPECT_EQ(rounded[i], FloatToFloat16(values[i])) << values[i];
  }
}

TEST_F(SimdeAvx512, MovesLanes) {
  const Floats floats = RandomFloats();
  const auto ints = RandomBytes<Ints>();
  const auto moved = As<Floats>(_mm512_permute_ps(As<__m512>(floats), 0xb1));
  const auto blocks = As<Floats>(_mm512_shuffle_f32x4(As<__m512>(floats), As<__m512>(floats), 0x1b));
  const auto upper = As<std::array<float, 8>>(_mm512_extractf32x8_ps(As<__m512>(floats), 1));
  const auto shifted = As<Ints>(_mm512_srai_epi32(As<__m512i>(ints), 4));
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(moved[i], floats[i ^ 1]);
    EXPECT_EQ(blocks[i], floats[4 * (3 - i / 4) + i % 4]);
    EXPECT_EQ(upper[i % 8], floats[8 + i % 8]);
    EXPECT_EQ(shifted[i], ints[i] >> 4);
  }
}

TEST_F(SimdeAvx512, LeavesMaskedLanesAlone) {
  const Floats floats = RandomFloats();
  for (unsigned count = 0; count <= 16; ++count) {
    const auto mask = static_cast<__mmask16>((1u << count) - 1);
    const std::vector<float> from(floats.begin(),
                                  floats.begin() + count);  // a sanitizer sees a read behind it
    const auto loaded = As<Floats>(_mm512_maskz_loadu_ps(mask, from.data()));
    const auto half =
        As<std::array<float, 8>>(_mm256_maskz_loadu_ps(static_cast<__mmask8>(mask), from.data()));
    Floats stored = {};
    _mm512_mask_storeu_ps(stored.data(), mask, As<__m512>(floats));
    for (size_t i = 0; i < 16; ++i) {
      EXPECT_EQ(loaded[i], i < count ? floats[i] : 0.0f);
      EXPECT_EQ(half[i % 8], i % 8 < count ? floats[i % 8] : 0.0f);
      EXPECT_EQ(stored[i], i < count ? floats[i] : 0.0f);
    }
  }
}

TEST_F(SimdeAvx512, Reduces) {
  for (int round = 0; round < 100; ++round) {
    const Floats floats = RandomFloats();
    const auto ints = RandomBytes<Ints>();
    uint32_t sum = 0;
    for (const int32_t value : ints) sum += static_cast<uint32_t>(value);
    EXPECT_EQ(_mm512_reduce_add_epi32(As<__m512i>(ints)), static_cast<int32_t>(sum));
    EXPECT_EQ(_mm512_reduce_max_epi32(As<__m512i>(ints)), *std::max_element(ints.begin(), ints.end()));
    EXPECT_EQ(_mm512_reduce_max_ps(As<__m512>(floats)), *std::max_element(floats.begin(), floats.end()));
  }
}

TEST_F(SimdeAvx512, MultipliesWords) {
  const auto a = RandomBytes<std::array<int16_t, 32>>(), b = RandomBytes<std::array<int16_t, 32>>();
  Ints expected;
  for (size_t i = 0; i < 16; ++i) expected[i] = a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
  EXPECT_EQ(As<Ints>(_mm512_madd_epi16(As<__m512i>(a), As<__m512i>(b))), expected);
}

}  // namespace
}  // namespace mmoe
