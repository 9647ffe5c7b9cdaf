// AArch64 NEON, which every 64-bit Arm CPU has (Cortex-A53 and later).

#include <cmath>

#include "kernel_table.h"
#include "panel.h"
#include "panel_dot.h"
#include "quantize_activations.h"
#include "simd_neon.h"

#include "exp-inl.h"

#include "attention-inl.h"
#include "combine-inl.h"
#include "linear_dot_neon-inl.h"
#include "panel_dot_neon-inl.h"
#include "quantize_groups-inl.h"
#include "quantize_rows-inl.h"
#include "quantize_tile-inl.h"
#include "rms_norm-inl.h"
#include "router_scores-inl.h"
#include "swiglu-inl.h"

#include "panel_dot_and_quantize-inl.h"

namespace mmoe {

extern const KernelTable kNeonKernels;
const KernelTable kNeonKernels = {
    "neon",       kNeonTokenTile, RouterScores,        QuantizeRow,     QuantizeScales,
    QuantizeTile, PanelDot,       PanelDotAndQuantize, Swiglu,          Combine,
    RmsNorm,      AddRmsNorm,     kAttentionKernels,   kNeonLinearTile, QuantizeGroups,
    LinearDot,
};

}  // namespace mmoe
