// Plain C++17, for any CPU: the reference that every other instruction set must equal to the bit.

#include "kernels/simd/simd_portable.h"

#include "kernels/isa/shared_loops-inl.h"

#include "kernels/attention/attention_int8_halves-inl.h"
#include "kernels/linear/linear_dot_portable-inl.h"
#include "kernels/moe/panel_dot_portable-inl.h"

#include "kernels/moe/panel_dot_and_quantize-inl.h"

#include "kernels/isa/kernel_table-inl.h"

namespace mmoe {

extern const KernelTable kPortableKernels;
const KernelTable kPortableKernels = FillKernelTable("portable", kPortableTokenTile, kPortableLinearTile);

}  // namespace mmoe
