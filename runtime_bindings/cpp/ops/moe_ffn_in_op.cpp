// mmoe::moe_ffn_in(Tensor x, Tensor router_weight, Tensor expert_bias, Tensor gate_up_weight, Tensor gate_up_scale,
//                  Tensor down_weight, Tensor down_scale, Tensor? gate_up_zero, Tensor? down_zero, int group_size,
//                  int top_k, bool softmax, bool norm_topk_prob, float sum_eps, float routed_scaling_factor) -> Tensor

#include "kernels/moe/moe_ffn_in.h"

#include <optional>

#include "kernels/panel.h"
#include "ops/checked_operator.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"
#include "ops/routing_observer.h"

namespace mmoe {
namespace {

// One projection's tensors and their names in errors.
struct Projection {
  const Tensor& weight;
  const Tensor& scale;
  const std::optional<Tensor>& zero;
  const char* weight_name;
  const char* scale_name;
  const char* zero_name;

  void Check(ArgumentCheck& check, int64_t experts, int64_t inputs, int64_t outputs,
             int64_t group_size) const {
    const int64_t panels = outputs / kPanelOutputs, groups = inputs / group_size;
    check.Is(weight, weight_name, ScalarType::Byte,
             {experts, panels, inputs / kPanelBlockInputs, kPanelBlockBytes});
    const bool wide = scale.scalar_type() == ScalarType::Float;
    check.Is(scale, scale_name, wide ? ScalarType::Float : ScalarType::Half,
             {experts, panels, groups, kPanelOutputs});
    if (zero.has_value())
      check.Is(*zero, zero_name, ScalarType::Byte, {experts, panels, groups, kPanelOutputs});
  }

  GroupedExperts Matrix() const {
    GroupedExperts matrix = {weight.const_data_ptr<uint8_t>(), nullptr, nullptr, nullptr};
    if (scale.scalar_type() == ScalarType::Float) {
      matrix.float_scale = scale.const_data_ptr<float>();
    } else {
      matrix.scale = static_cast<const uint16_t*>(scale.const_data_ptr());
    }
    if (zero.has_value()) matrix.zero = zero->const_data_ptr<uint8_t>();
    return matrix;
  }
};

void MoeFfnInOut(KernelRuntimeContext& context, const Tensor& x, const Tensor& router_weight,
                 const Tensor& expert_bias, const Tensor& gate_up_weight, const Tensor& gate_up_scale,
                 const Tensor& down_weight, const Tensor& down_scale, std::optional<Tensor> gate_up_zero,
                 std::optional<Tensor> down_zero, int64_t group_size, int64_t top_k, bool softmax,
                 bool norm_topk_prob, double sum_eps, double routed_scaling_factor, Tensor& out) {
  ArgumentCheck check(context, "mmoe::moe_ffn_in");
  check.HasRank(x, "x", 3);
  check.HasRank(router_weight, "router_weight", 2);
  check.HasRank(down_weight, "down_weight", 4);
  if (!check.ok()) return;
  const MoeFfnShape shape = {x.size(1), x.size(2), router_weight.size(0),
                             down_weight.size(2) * kPanelBlockInputs, top_k};
  const int64_t experts = shape.num_experts, hidden = shape.hidden_size, width = shape.intermediate_size;
  check.NoProblem(CheckMoeFfnIn(shape, group_size));
  if (!check.ok()) return;
  const Projection gate_up = {gate_up_weight,   gate_up_scale,   gate_up_zero,
                              "gate_up_weight", "gate_up_scale", "gate_up_zero"};
  const Projection down = {down_weight, down_scale, down_zero, "down_weight", "down_scale", "down_zero"};
  check.Is(x, "x", ScalarType::Float, {1, shape.num_tokens, hidden});
  check.Is(router_weight, "router_weight", ScalarType::Float, {experts, hidden});
  check.Is(expert_bias, "expert_bias", ScalarType::Float, {experts});
  gate_up.Check(check, experts, hidden, 2 * width, group_size);
  down.Check(check, experts, width, hidden, group_size);
  check.ResizeOut(out, {1, shape.num_tokens, hidden});
  const std::optional<KernelSet> kernels = check.Kernels();
  if (!check.ok() || shape.num_tokens == 0) return;
  const Parallel parallel = OperatorParallel();
  void* scratch = check.Scratch(MoeFfnInWorkspaceBytes(shape, group_size, *kernels, parallel.num_workers));
  if (!check.ok()) return;
  const RouterOptions router = {norm_topk_prob, static_cast<float>(routed_scaling_factor), softmax,
                                static_cast<float>(sum_eps)};
  const MoeFfnInArgs args = {shape,
                             group_size,
                             router,
                             x.const_data_ptr<float>(),
                             router_weight.const_data_ptr<float>(),
                             expert_bias.const_data_ptr<float>(),
                             gate_up.Matrix(),
                             down.Matrix(),
                             out.mutable_data_ptr<float>(),
                             CurrentRoutingObserver()};
  MoeFfnIn(args, *kernels, parallel, scratch);
}

const auto kRegistered = RegisterOperator<MoeFfnInOut>("mmoe::moe_ffn_in.out");

}  // namespace
}  // namespace mmoe
