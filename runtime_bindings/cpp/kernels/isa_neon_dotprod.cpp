// AArch64 NEON with the dot products of Armv8.2 (Cortex-A55, Neoverse N1, Apple M1 and later).

#include <cmath>

#include "kernel_table.h"
#include "panel.h"
#include "panel_dot.h"
#include "quantize_activations.h"
#include "simd_neon.h"

#include "exp-inl.h"

#include "attention-inl.h"
#include "combine-inl.h"
#include "linear_dot_sdot-inl.h"
#include "panel_dot_neon_dotprod-inl.h"
#include "quantize_groups-inl.h"
#include "quantize_rows-inl.h"
#include "quantize_tile-inl.h"
#include "rms_norm-inl.h"
#include "router_scores-inl.h"
#include "swiglu-inl.h"

#include "panel_dot_and_quantize-inl.h"

namespace mmoe {

extern const KernelTable kNeonDotprodKernels;
const KernelTable kNeonDotprodKernels = {
    "neon_dotprod",    kDotprodTokenTile,   RouterScores,   QuantizeRow, QuantizeScales, QuantizeTile,
    PanelDot,          PanelDotAndQuantize, Swiglu,         Combine,     RmsNorm,        AddRmsNorm,
    kAttentionKernels, kSdotLinearTile,     QuantizeGroups, LinearDot,
};

}  // namespace mmoe
