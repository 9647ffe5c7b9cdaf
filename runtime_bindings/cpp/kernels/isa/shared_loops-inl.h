// The loops that are the same text for every instruction set, compiled with its vectors. Behind a simd_*.h, once in a
// translation unit.

#include <cmath>

#include "kernels/isa/kernel_table.h"
#include "kernels/moe/panel_dot.h"
#include "kernels/moe/quantize_activations.h"
#include "kernels/panel.h"

#include "kernels/simd/exp-inl.h"

#include "kernels/attention/quantize_attention-inl.h"
#include "kernels/linear/quantize_groups-inl.h"
#include "kernels/linear/swiglu-inl.h"
#include "kernels/moe/combine-inl.h"
#include "kernels/moe/quantize_rows-inl.h"
#include "kernels/moe/quantize_tile-inl.h"
#include "kernels/moe/router_scores-inl.h"
#include "kernels/norm/rms_norm-inl.h"

#include "kernels/moe/quantize_one_row-inl.h"
