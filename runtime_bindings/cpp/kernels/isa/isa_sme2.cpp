// AArch64 with SME2 (Apple M4 and A18 and later): many tokens as outer products in streaming mode, everything else in
// NEON. Nothing may be vectorised with SVE outside streaming mode, which Apple's processors lack there.

#if defined(__ARM_FEATURE_SVE)
#error "compile this for SME2 without SVE"
#endif

#include "kernels/isa/save_za-inl.h"

#include "kernels/simd/simd_neon.h"

#include "kernels/isa/shared_loops-inl.h"

#include "kernels/attention/attention_int8_i8mm-inl.h"
#include "kernels/linear/linear_dot_sme2-inl.h"
#include "kernels/moe/panel_dot_sme2-inl.h"

#include "kernels/moe/panel_dot_and_quantize-inl.h"

#include "kernels/isa/kernel_table-inl.h"

namespace mmoe {

extern const KernelTable kSme2Kernels;
const KernelTable kSme2Kernels =
    WithPanelDots(FillKernelTable("sme2", kSme2TokenTile, kSme2LinearTile), PanelDots);

}  // namespace mmoe
