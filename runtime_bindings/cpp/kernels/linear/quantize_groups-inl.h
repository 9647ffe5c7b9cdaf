// Activations of dense linears: int8 with one scale per token and group of 32 inputs, or of 64 or 128.

#include "kernels/linear/linear_dot.h"

namespace mmoe {
namespace {

// Of a group's largest magnitude: the factor that makes it 127, and the inverse. All zero (or so small that
// 127 / magnitude overflows) quantises to zeros with scale 0; a non-finite activation makes the scale, and so every
// output of its token, NaN instead of silently saturating.
inline float GroupFactor(I32x16 magnitude_bits, float* activation_scale) {
  constexpr float kLargestFloat = 3.402823466e38f;
  const float magnitude = LargestMagnitude(magnitude_bits);
  const bool finite = magnitude <= kLargestFloat;
  const float factor = 127.0f / magnitude;
  const bool representable = finite && factor <= kLargestFloat;
  *activation_scale = representable ? magnitude / 127.0f : finite ? 0.0f : magnitude - magnitude;
  return representable ? factor : 0.0f;
}

inline int32_t StoreGroup(const int8_t* from, int8_t* to) {
  int32_t sum = 0;
  for (int i = 0; i < kLinearGroup; ++i) {
    to[i] = from[i];
    sum += from[i];
  }
  return sum;
}

// Group g of x goes to row (first_group + g) * tile.tokens + token of the tile.
void QuantizeGroups(const float* x, int64_t groups, const LinearTile& tile, int64_t token,
                    int64_t first_group) {
  for (int64_t group = 0; group < groups; group += 2) {
    F32x16 values[4];
    const int count = group + 1 < groups ? 2 : 1;
    for (int g = 0; g < 2; ++g) {
      const bool inside = g < count;
      const F32x16 a = inside ? Load(x + (group + g) * kLinearGroup) : Broadcast(0.0f);
      const F32x16 b = inside ? Load(x + (group + g) * kLinearGroup + 16) : Broadcast(0.0f);
      float activation_scale;
      const float factor =
          GroupFactor(MaxMagnitudeBits(MaxMagnitudeBits(ZeroInts(), a), b), &activation_scale);
      if (inside) tile.activation_scales[(first_group + group + g) * tile.tokens + token] = activation_scale;
      // Not a product with 0, which would leave the NaN that int8 cannot hold.
      values[2 * g] = factor == 0.0f ? Broadcast(0.0f) : Mul(a, Broadcast(factor));
      values[2 * g + 1] = factor == 0.0f ? Broadcast(0.0f) : Mul(b, Broadcast(factor));
    }
    int8_t quantized[2 * kLinearGroup];
    StoreInt8(values, quantized, ZeroInts());
    for (int g = 0; g < count; ++g) {
      const int64_t row = (first_group + group + g) * tile.tokens + token;
      tile.offsets[row] =
          -kWeightOffset * StoreGroup(quantized + g * kLinearGroup, tile.values + row * kLinearGroup);
    }
  }
}

// The same for groups of 64 or 128 inputs.
void QuantizeWideGroups(const float* x, int64_t groups, int64_t group_size, const LinearTile& tile,
                        int64_t token, int64_t first_group) {
  for (int64_t group = 0; group < groups; ++group, x += group_size) {
    I32x16 magnitude = ZeroInts();
    for (int64_t i = 0; i < group_size; i += 16) magnitude = MaxMagnitudeBits(magnitude, Load(x + i));
    const int64_t row = (first_group + group) * tile.tokens + token;
    const float factor = GroupFactor(magnitude, &tile.activation_scales[row]);
    I32x16 sums = ZeroInts();
    for (int64_t i = 0; i < group_size; i += 64) {
      F32x16 values[4];
      for (int v = 0; v < 4; ++v) {
        values[v] = factor == 0.0f ? Broadcast(0.0f) : Mul(Load(x + i + 16 * v), Broadcast(factor));
      }
      sums = StoreInt8(values, tile.values + row * group_size + i, sums);
    }
    tile.offsets[row] = -kWeightOffset * ReduceAddInts(sums);
  }
}

}  // namespace
}  // namespace mmoe
