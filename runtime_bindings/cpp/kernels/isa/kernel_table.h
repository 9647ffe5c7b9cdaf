#pragma once

#include <cstdint>

#include "kernels/attention/attention_kernels.h"
#include "kernels/simd/int16_order.h"

namespace mmoe {

struct LinearDotArgs;
struct PanelDotArgs;
struct QuantizeOneRowArgs;
struct QuantizeTileArgs;
struct LinearTile;

// The inner loops that each instruction set provides. All entries of all tables give the same bits: integer
// parts are exact, and float parts fix the order of every operation (16 interleaved partial sums, then a
// tree; no FMA).
struct KernelTable {
  const char* name;

  // Most tokens that `panel_dot` takes at once.
  int token_tile;

  // scores[t * stride + e] = sigmoid(dot(x[t], weight[e])) for e in 0..experts-1; x [tokens, hidden], weight
  // [experts, hidden], hidden a multiple of 16.
  void (*router_scores)(const float* x, int64_t tokens, const float* weight, int64_t experts, int64_t hidden,
                        float* scores, int64_t stride);

  // The same without the sigmoid.
  void (*router_logits)(const float* x, int64_t tokens, const float* weight, int64_t experts, int64_t hidden,
                        float* logits, int64_t stride);

  // values[i] = e^values[i] / (their sum), in place; count is at least 1.
  void (*softmax)(float* values, int64_t count);

  // The stages of quantize_activations.h: x [inputs] or float16 scales [inputs] to int16
  // [PaddedInputs(inputs)], returning its scale, then a tile to int8. inputs is a positive multiple of 16.
  Int16Order int16_order;  // of the rows that they write and read
  float (*quantize_row)(const float* x, int64_t inputs, int16_t* out);
  float (*quantize_scales)(const uint16_t* scales, int64_t inputs, int16_t* out);
  void (*quantize_tile)(const QuantizeTileArgs& args);

  // quantize_scales and quantize_tile for a panel that one row alone meets.
  void (*quantize_one_row)(const QuantizeOneRowArgs& args);

  // outputs[t][0..31] = activation_scale[t] * (panel . activations[t]) for t in 0..tokens-1.
  void (*panel_dot)(const PanelDotArgs& args);

  // panel_dot for `count` panels of one tile of several tokens; the outputs of panel p go to outputs[t] + 32 * p. For
  // instruction sets whose products change the processor's mode; nullptr elsewhere.
  void (*panel_dots)(const PanelDotArgs* panels, int64_t count);

  // panel_dot, and quantize_tile of the tile's rows for the panel after it, to other arrays: neither needs
  // the other, so an instruction set may run them side by side. Both have the same inputs and tokens; scratch
  // is [PaddedInputs(inputs)].
  void (*panel_dot_and_quantize)(const PanelDotArgs& args, const QuantizeTileArgs& next, int16_t* scratch);

  // out[i] = silu(gate[i]) * up[i]; width is a multiple of 16.
  void (*swiglu)(const float* gate, const float* up, int64_t width, float* out);

  // out = weights[0] * rows[0] + weights[1] * rows[1] + ..., added in this order; hidden is a multiple of 16.
  void (*combine)(const float* const* rows, const float* weights, int64_t count, int64_t hidden, float* out);

  // out = x / sqrt(mean(x^2) + eps) * weight; hidden is a multiple of 16.
  void (*rms_norm)(const float* x, const float* weight, int64_t hidden, float eps, float* out);

  // sum = residual + x, or residual + (x + y) unless y is nullptr, then rms_norm of it.
  void (*add_rms_norm)(const float* residual, const float* x, const float* y, const float* weight,
                       int64_t hidden, float eps, float* sum, float* out);

  // See attention_kernels.h.
  AttentionKernels attention;

  // Most tokens of a tile of a dense linear, at most 64.
  int linear_tile;

  // Quantises x [32 * groups] into one token of a tile, from its group first_group on; see linear_dot.h.
  void (*quantize_groups)(const float* x, int64_t groups, const LinearTile& tile, int64_t token,
                          int64_t first_group);

  // out[t][0..31] = panel . tile[t]: per group of 32 inputs an integer sum times (scale * activation_scale), added in order.
  void (*linear_dot)(const LinearDotArgs& args);

  // The two for groups that linears lack. First, for groups of 64 or 128 inputs: x [group_size * groups].
  void (*quantize_wide_groups)(const float* x, int64_t groups, int64_t group_size, const LinearTile& tile,
                               int64_t token, int64_t first_group);
  // Then for groups of 32, 64 or 128 inputs, with zero points or float32 scales if need be.
  void (*grouped_dot)(const LinearDotArgs& args);

  // Either product of one token with two panels of the same shape, whose weights are read side by side. For instruction sets that
  // gain by it; nullptr elsewhere.
  void (*dot_two_panels)(const LinearDotArgs (&panels)[2]);
};

}  // namespace mmoe
