// mmoe::moe_ffn(Tensor x, Tensor router_weight, Tensor expert_bias, Tensor gate_up_weight,
//               Tensor gate_up_scale, Tensor down_weight, Tensor down_scale, int top_k, bool norm_topk_prob,
//               float routed_scaling_factor) -> Tensor

#include "kernels/moe/moe_ffn.h"

#include "kernels/panel.h"
#include "ops/checked_operator.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"
#include "ops/routing_observer.h"

namespace mmoe {
namespace {

void MoeFfnOut(KernelRuntimeContext& context, const Tensor& x, const Tensor& router_weight,
               const Tensor& expert_bias, const Tensor& gate_up_weight, const Tensor& gate_up_scale,
               const Tensor& down_weight, const Tensor& down_scale, int64_t top_k, bool norm_topk_prob,
               double routed_scaling_factor, Tensor& out) {
  ArgumentCheck check(context, "mmoe::moe_ffn");
  check.HasRank(x, "x", 3);
  check.HasRank(router_weight, "router_weight", 2);
  check.HasRank(down_scale, "down_scale", 3);
  if (!check.ok()) return;
  const MoeFfnShape shape = {x.size(1), x.size(2), router_weight.size(0), down_scale.size(2), top_k};
  const int64_t experts = shape.num_experts, hidden = shape.hidden_size, width = shape.intermediate_size;
  check.NoProblem(CheckMoeFfn(shape));
  if (!check.ok()) return;
  const int64_t gate_up_panels = 2 * width / kPanelOutputs, down_panels = hidden / kPanelOutputs;
  check.Is(x, "x", ScalarType::Float, {1, shape.num_tokens, hidden});
  check.Is(router_weight, "router_weight", ScalarType::Float, {experts, hidden});
  check.Is(expert_bias, "expert_bias", ScalarType::Float, {experts});
  check.Is(gate_up_weight, "gate_up_weight", ScalarType::Byte,
           {experts, gate_up_panels, hidden / kPanelBlockInputs, kPanelBlockBytes});
  check.Is(gate_up_scale, "gate_up_scale", ScalarType::Half, {experts, gate_up_panels, hidden});
  check.Is(down_weight, "down_weight", ScalarType::Byte,
           {experts, down_panels, width / kPanelBlockInputs, kPanelBlockBytes});
  check.Is(down_scale, "down_scale", ScalarType::Half, {experts, down_panels, width});
  check.ResizeOut(out, {1, shape.num_tokens, hidden});
  const std::optional<KernelSet> kernels = check.Kernels();
  if (!check.ok() || shape.num_tokens == 0) return;
  const Parallel parallel = OperatorParallel();
  void* scratch = check.Scratch(MoeFfnWorkspaceBytes(shape, *kernels, parallel.num_workers));
  if (!check.ok()) return;
  const MoeFfnArgs args = {shape,
                           {norm_topk_prob, static_cast<float>(routed_scaling_factor)},
                           x.const_data_ptr<float>(),
                           router_weight.const_data_ptr<float>(),
                           expert_bias.const_data_ptr<float>(),
                           gate_up_weight.const_data_ptr<uint8_t>(),
                           static_cast<const uint16_t*>(gate_up_scale.const_data_ptr()),
                           down_weight.const_data_ptr<uint8_t>(),
                           static_cast<const uint16_t*>(down_scale.const_data_ptr()),
                           out.mutable_data_ptr<float>(),
                           CurrentRoutingObserver()};
  MoeFfn(args, *kernels, parallel, scratch);
}

const auto kRegistered = RegisterOperator<MoeFfnOut>("mmoe::moe_ffn.out");

}  // namespace
}  // namespace mmoe
