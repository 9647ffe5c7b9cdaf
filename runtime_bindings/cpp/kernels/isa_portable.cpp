// Plain C++17, for any CPU: the reference that every other instruction set must equal to the bit.

#include <cmath>

#include "kernel_table.h"
#include "panel.h"
#include "panel_dot.h"
#include "quantize_activations.h"
#include "simd_portable.h"

#include "exp-inl.h"

#include "attention-inl.h"
#include "combine-inl.h"
#include "linear_dot_portable-inl.h"
#include "panel_dot_portable-inl.h"
#include "quantize_groups-inl.h"
#include "quantize_rows-inl.h"
#include "quantize_tile-inl.h"
#include "rms_norm-inl.h"
#include "router_scores-inl.h"
#include "swiglu-inl.h"

#include "panel_dot_and_quantize-inl.h"

namespace mmoe {

extern const KernelTable kPortableKernels;
const KernelTable kPortableKernels = {
    "portable",        kPortableTokenTile,  RouterScores,   QuantizeRow, QuantizeScales, QuantizeTile,
    PanelDot,          PanelDotAndQuantize, Swiglu,         Combine,     RmsNorm,        AddRmsNorm,
    kAttentionKernels, kPortableLinearTile, QuantizeGroups, LinearDot,
};

}  // namespace mmoe
