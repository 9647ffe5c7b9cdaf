// AArch64 NEON, which every 64-bit Arm CPU has (Cortex-A53 and later).

#include "kernels/simd/simd_neon.h"

#include "kernels/isa/shared_loops-inl.h"

#include "kernels/attention/attention_int8_halves-inl.h"
#include "kernels/linear/linear_dot_neon-inl.h"
#include "kernels/moe/panel_dot_neon-inl.h"

#include "kernels/moe/panel_dot_and_quantize-inl.h"

#include "kernels/isa/kernel_table-inl.h"

namespace mmoe {

extern const KernelTable kNeonKernels;
const KernelTable kNeonKernels = FillKernelTable("neon", kNeonTokenTile, kNeonLinearTile);

}  // namespace mmoe
