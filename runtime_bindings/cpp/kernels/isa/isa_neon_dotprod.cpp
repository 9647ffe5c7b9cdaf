// AArch64 NEON with the dot products of Armv8.2 (Cortex-A55, Neoverse N1, Apple M1 and later).

#include "kernels/simd/simd_neon.h"

#include "kernels/isa/shared_loops-inl.h"

#include "kernels/attention/attention_int8_halves-inl.h"
#include "kernels/linear/linear_dot_sdot-inl.h"
#include "kernels/moe/panel_dot_neon_dotprod-inl.h"

#include "kernels/moe/panel_dot_and_quantize-inl.h"

#include "kernels/isa/kernel_table-inl.h"

namespace mmoe {

extern const KernelTable kNeonDotprodKernels;
const KernelTable kNeonDotprodKernels = FillKernelTable("neon_dotprod", kDotprodTokenTile, kSdotLinearTile);

}  // namespace mmoe
