// mmoe::swiglu_ffn(Tensor x, Tensor gate_up_weight, Tensor gate_up_scale, Tensor down_weight,
//                  Tensor down_scale) -> Tensor

#include "kernels/linear/swiglu_ffn.h"

#include "ops/checked_operator.h"
#include "ops/linear_check.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"

namespace mmoe {
namespace {

void SwigluFfnOut(KernelRuntimeContext& context, const Tensor& x, const Tensor& gate_up_weight,
                  const Tensor& gate_up_scale, const Tensor& down_weight, const Tensor& down_scale,
                  Tensor& out) {
  ArgumentCheck check(context, "mmoe::swiglu_ffn");
  check.HasRank(x, "x", 3);
  check.HasRank(down_scale, "down_scale", 3);
  if (!check.ok()) return;
  const SwigluFfnShape shape = {x.size(1), x.size(2), down_scale.size(1) * kLinearGroup};
  check.NoProblem(CheckSwigluFfn(shape));
  if (!check.ok()) return;
  CheckPanels(check, {gate_up_weight, "gate_up_weight"}, {gate_up_scale, "gate_up_scale"}, shape.hidden_size,
              2 * LinearPanels(shape.width));
  CheckPanels(check, {down_weight, "down_weight"}, {down_scale, "down_scale"}, shape.width,
              LinearPanels(shape.hidden_size));
  check.Is(x, "x", ScalarType::Float, {1, shape.num_tokens, shape.hidden_size});
  check.ResizeOut(out, {1, shape.num_tokens, shape.hidden_size});
  const std::optional<KernelSet> kernels = check.Kernels();
  if (!check.ok() || shape.num_tokens == 0) return;
  void* scratch = check.Scratch(SwigluFfnWorkspaceBytes(shape, *kernels));
  if (!check.ok()) return;
  SwigluFfn(shape, x.const_data_ptr<float>(), PanelMatrix(gate_up_weight, gate_up_scale, shape.hidden_size),
            PanelMatrix(down_weight, down_scale, shape.width), *kernels, OperatorParallel(), scratch,
            out.mutable_data_ptr<float>());
}

const auto kRegistered = RegisterOperator<SwigluFfnOut>("mmoe::swiglu_ffn.out");

}  // namespace
}  // namespace mmoe
