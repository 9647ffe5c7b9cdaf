// The table of an instruction set's attention kernels.

#include "kernels/attention/attention_float-inl.h"
#include "kernels/attention/rope_qk_norm-inl.h"

namespace mmoe {
namespace {

void ToFloat16(const float* x, int64_t count, uint16_t* out) {
  for (int64_t i = 0; i < count; i += 16) StoreFloat16(Load(x + i), out + i);
}

constexpr AttentionKernels kAttentionKernels = {
    PrepareHead,
    ToFloat16,
    QuantizeRow,
    QuantizeQuery,
    {AttendFloat<float>, AttendFloat<uint16_t>, AttendInt8},
    Merge,
};

}  // namespace
}  // namespace mmoe
