// AVX-512 with VNNI (Ice Lake, Zen 4 and later).

#include <cmath>

#include "kernel_table.h"
#include "panel.h"
#include "panel_dot.h"
#include "quantize_activations.h"
#include "simd_avx512.h"

#include "exp-inl.h"

#include "attention-inl.h"
#include "combine-inl.h"
#include "linear_dot_avx512_vnni-inl.h"
#include "panel_dot_avx512_vnni-inl.h"
#include "quantize_groups-inl.h"
#include "quantize_rows-inl.h"
#include "quantize_tile-inl.h"
#include "rms_norm-inl.h"
#include "router_scores-inl.h"
#include "swiglu-inl.h"

#include "panel_dot_and_quantize_avx512_vnni-inl.h"

namespace mmoe {

extern const KernelTable kAvx512VnniKernels;
const KernelTable kAvx512VnniKernels = {
    "avx512_vnni",     kAvx512TokenTile,    RouterScores,   QuantizeRow, QuantizeScales, QuantizeTile,
    PanelDot,          PanelDotAndQuantize, Swiglu,         Combine,     RmsNorm,        AddRmsNorm,
    kAttentionKernels, kAvx512LinearTile,   QuantizeGroups, LinearDot,
};

}  // namespace mmoe
