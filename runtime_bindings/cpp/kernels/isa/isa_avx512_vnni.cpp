// AVX-512 with VNNI (Ice Lake, Zen 4 and later).

#include "kernels/simd/simd_avx512.h"

#include "kernels/isa/shared_loops-inl.h"

#include "kernels/attention/attention_int8_halves-inl.h"
#include "kernels/linear/linear_dot_avx512_vnni-inl.h"
#include "kernels/moe/panel_dot_avx512_vnni-inl.h"

#include "kernels/moe/panel_dot_and_quantize_avx512_vnni-inl.h"

#include "kernels/isa/kernel_table-inl.h"

namespace mmoe {

extern const KernelTable kAvx512VnniKernels;
const KernelTable kAvx512VnniKernels = FillKernelTable("avx512_vnni", kAvx512TokenTile, kAvx512LinearTile);

}  // namespace mmoe
