// AVX2 with F16C (Haswell, Zen and later).

#include <cmath>

#include "kernel_table.h"
#include "panel.h"
#include "panel_dot.h"
#include "quantize_activations.h"
#include "simd_avx2.h"

#include "exp-inl.h"

#include "attention-inl.h"
#include "combine-inl.h"
#include "linear_dot_avx2-inl.h"
#include "panel_dot_avx2-inl.h"
#include "quantize_groups-inl.h"
#include "quantize_rows-inl.h"
#include "quantize_tile-inl.h"
#include "rms_norm-inl.h"
#include "router_scores-inl.h"
#include "swiglu-inl.h"

#include "panel_dot_and_quantize-inl.h"

namespace mmoe {

extern const KernelTable kAvx2Kernels;
const KernelTable kAvx2Kernels = {
    "avx2",       kAvx2TokenTile, RouterScores,        QuantizeRow,    QuantizeScales,
    QuantizeTile, PanelDot,       PanelDotAndQuantize, Swiglu,         Combine,
    RmsNorm,      AddRmsNorm,     kAttentionKernels,   kAvx2TokenTile, QuantizeGroups,
    LinearDot,
};

}  // namespace mmoe
