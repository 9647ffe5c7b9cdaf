// A panel's scales and one row in one go, against the two one after the other, whose own tests compare with
// definitions: for every instruction set, for widths with and without a rest, and for what has a path of its own: scales
// so far apart that int16 is too coarse, zeros, and a scale that is not finite.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/isa/isa.h"
#include "kernels/moe/quantize_activations.h"
#include "kernels/simd/float16.h"

namespace mmoe {
namespace {

enum class Kind { kClose, kSpread, kOpposite, kZeroRow, kZeroScales, kInfiniteScale };

struct Case {
  std::vector<float> row;
  std::vector<uint16_t> scales;
};

Case Make(Kind kind, int64_t inputs) {
  std::mt19937 random{17};
  std::normal_distribution<float> normal;
  Case made;
  for (int64_t i = 0; i < inputs; ++i) {
    // 2^-7 to 2^-6, or whatever is finite.
    const bool close = kind != Kind::kSpread && kind != Kind::kOpposite;
    const auto scale = static_cast<uint16_t>(close ? 0x2000 + random() % 1024 : random() % 0x7c00);
    made.scales.push_back(kind == Kind::kZeroScales ? uint16_t{0} : scale);
    const float value = normal(random), size = Float16ToFloat(scale);
    // Opposite: products of one size.
    made.row.push_back(kind == Kind::kZeroRow                ? 0.0f
                       : kind == Kind::kOpposite && size > 0 ? value / size
                                                             : value);
  }
  if (kind == Kind::kInfiniteScale) made.scales.back() = 0x7c00;
  return made;
}

struct Result {
  std::vector<int8_t> quantized;
  int32_t sum = 0;
  float scale = 0.0f;
};

class OneRow {
 public:
  OneRow(const KernelTable& kernels, const Case& given)
      : kernels_(kernels), given_(given), inputs_(static_cast<int64_t>(given.row.size())) {
    row_.resize(static_cast<size_t>(PaddedInputs(inputs_)));
    row_scale_ = kernels.quantize_row(given.row.data(), inputs_, row_.data());
  }

  Result InOneGo() const {
    return Run([&](const QuantizeTileArgs& args, int16_t* scales) {
      const std::vector<uint8_t> ahead(static_cast<size_t>(OneRowAheadBytes(inputs_)));
      kernels_.quantize_one_row({args, scales, ahead.data(), given_.scales.data()});
    });
  }

  Result OneAfterTheOther() const {
    return Run([&](QuantizeTileArgs args, int16_t* scales) {
      args.scale_of_scales = kernels_.quantize_scales(given_.scales.data(), inputs_, scales);
      kernels_.quantize_tile(args);
    });
  }

 private:
  template <class Body>
  Result Run(const Body& body) const {
    Result result;
    result.quantized.resize(row_.size());
    std::vector<int16_t> scales(row_.size());
    const int16_t* row = row_.data();
    const float* exact = given_.row.data();
    body({&row, &row_scale_, scales.data(), 0.0f, &exact, given_.scales.data(), inputs_, 1,
          result.quantized.data(), &result.scale, &result.sum},
         scales.data());
    return result;
  }

  const KernelTable& kernels_;
  const Case& given_;
  int64_t inputs_;
  std::vector<int16_t> row_;
  float row_scale_;
};

TEST(QuantizeOneRow, IsScalesAndRowOneAfterTheOther) {
  for (const KernelTable* kernels : SupportedKernels()) {
    for (const int64_t inputs : {16, 32, 48, 80, 128, 384, 768, 1280}) {
      for (const Kind kind : {Kind::kClose, Kind::kSpread, Kind::kOpposite, Kind::kZeroRow, Kind::kZeroScales,
                              Kind::kInfiniteScale}) {
        const Case given = Make(kind, inputs);
        const OneRow one(*kernels, given);
        const Result expected = one.OneAfterTheOther(), found = one.InOneGo();
        const std::string where = std::string(kernels->name) + " " + std::to_string(inputs) + " " +
                                  std::to_string(static_cast<int>(kind));
        EXPECT_EQ(found.quantized, expected.quantized) << where;
        EXPECT_EQ(found.sum, expected.sum) << where;
        // Also NaN.
        EXPECT_EQ(std::memcmp(&found.scale, &expected.scale, sizeof found.scale), 0) << where;
      }
    }
  }
}

}  // namespace
}  // namespace mmoe
