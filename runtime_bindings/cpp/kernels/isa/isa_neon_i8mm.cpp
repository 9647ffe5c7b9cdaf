// AArch64 NEON with the int8 matrix products of Armv8.6 (Cortex-A510 and A710, Neoverse V1, Apple M2 and
// later).

#include "kernels/simd/simd_neon.h"

#include "kernels/isa/shared_loops-inl.h"

#include "kernels/attention/attention_int8_i8mm-inl.h"
#include "kernels/linear/linear_dot_i8mm-inl.h"
#include "kernels/moe/panel_dot_neon_i8mm-inl.h"

#include "kernels/moe/panel_dot_and_quantize-inl.h"

#include "kernels/isa/kernel_table-inl.h"

namespace mmoe {

extern const KernelTable kNeonI8mmKernels;
const KernelTable kNeonI8mmKernels = FillKernelTable("neon_i8mm", kI8mmTokenTile, kI8mmLinearTile);

}  // namespace mmoe
