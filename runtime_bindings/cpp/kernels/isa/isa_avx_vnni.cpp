// AVX2 with F16C and VNNI in 256-bit registers (Alder Lake, Sierra Forest, Zen 5 and later).

#include "kernels/simd/simd_avx2.h"

#include "kernels/isa/shared_loops-inl.h"

#include "kernels/simd/products_avx_vnni.h"

#include "kernels/attention/attention_int8_avx2-inl.h"
#include "kernels/linear/linear_dot_avx2-inl.h"
#include "kernels/moe/panel_dot_avx2-inl.h"

#include "kernels/moe/panel_dot_and_quantize-inl.h"

#include "kernels/isa/kernel_table-inl.h"

namespace mmoe {

extern const KernelTable kAvxVnniKernels;
const KernelTable kAvxVnniKernels =
    WithTwoPanels(FillKernelTable("avx_vnni", kAvx2TokenTile, kAvx2TokenTile), DotTwoPanels);

}  // namespace mmoe
