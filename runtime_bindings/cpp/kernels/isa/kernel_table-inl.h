// Fills the table of an instruction set with the functions that it has; the last include of an isa_*.cpp.

#include "kernels/attention/attention-inl.h"

namespace mmoe {
namespace {

// A constant expression, so that the table is there before any constructor runs.
constexpr KernelTable FillKernelTable(const char* name, int token_tile, int linear_tile) {
  KernelTable table{};
  table.name = name;
  table.token_tile = token_tile;
  table.router_scores = RouterScores;
  table.router_logits = RouterLogits;
  table.softmax = Softmax;
  table.int16_order = kInt16Order;
  table.quantize_row = QuantizeRow;
  table.quantize_scales = QuantizeScales;
  table.quantize_tile = QuantizeTile;
  table.quantize_one_row = QuantizeOneRow;
  table.panel_dot = PanelDot;
  table.panel_dot_and_quantize = PanelDotAndQuantize;
  table.swiglu = Swiglu;
  table.combine = Combine;
  table.rms_norm = RmsNorm;
  table.add_rms_norm = AddRmsNorm;
  table.attention = kAttentionKernels;
  table.linear_tile = linear_tile;
  table.quantize_groups = QuantizeGroups;
  table.linear_dot = LinearDot;
  table.quantize_wide_groups = QuantizeWideGroups;
  table.grouped_dot = GroupedDot;
  return table;
}

// The same with all panels of a tile at once.
[[maybe_unused]] constexpr KernelTable WithPanelDots(KernelTable table,
                                                     void (*panel_dots)(const PanelDotArgs*, int64_t)) {
  table.panel_dots = panel_dots;
  return table;
}

// The same with products of two panels at once.
[[maybe_unused]] constexpr KernelTable WithTwoPanels(KernelTable table,
                                                     void (*dot_two_panels)(const LinearDotArgs (&)[2])) {
  table.dot_two_panels = dot_two_panels;
  return table;
}

}  // namespace
}  // namespace mmoe
