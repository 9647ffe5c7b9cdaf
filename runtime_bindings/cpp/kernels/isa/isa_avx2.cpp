// AVX2 with F16C (Haswell, Zen and later).

#include "kernels/simd/simd_avx2.h"

#include "kernels/isa/shared_loops-inl.h"

#include "kernels/simd/products_avx2.h"

#include "kernels/attention/attention_int8_avx2-inl.h"
#include "kernels/linear/linear_dot_avx2-inl.h"
#include "kernels/moe/panel_dot_avx2-inl.h"

#include "kernels/moe/panel_dot_and_quantize-inl.h"

#include "kernels/isa/kernel_table-inl.h"

namespace mmoe {

extern const KernelTable kAvx2Kernels;
const KernelTable kAvx2Kernels =
    WithTwoPanels(FillKernelTable("avx2", kAvx2TokenTile, kAvx2TokenTile), DotTwoPanels);

}  // namespace mmoe
