// AArch64 NEON with the int8 matrix products of Armv8.6 (Cortex-A510 and A710, Neoverse V1, Apple M2 and
// later).

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
#include "panel_dot_neon_i8mm-inl.h"
#include "quantize_groups-inl.h"
#include "quantize_rows-inl.h"
#include "quantize_tile-inl.h"
#include "rms_norm-inl.h"
#include "router_scores-inl.h"
#include "swiglu-inl.h"

#include "panel_dot_and_quantize-inl.h"

namespace mmoe {

extern const KernelTable kNeonI8mmKernels;
const KernelTable kNeonI8mmKernels = {
    "neon_i8mm",       kI8mmTokenTile,      RouterScores,   QuantizeRow, QuantizeScales, QuantizeTile,
    PanelDot,          PanelDotAndQuantize, Swiglu,         Combine,     RmsNorm,        AddRmsNorm,
    kAttentionKernels, kSdotLinearTile,     QuantizeGroups, LinearDot,
};

}  // namespace mmoe
