// mmoe::linear(Tensor x, Tensor weight, Tensor scale, int out_features) -> Tensor

#include "kernels/linear/linear.h"

#include "ops/checked_operator.h"
#include "ops/executorch_parallel.h"
#include "ops/linear_check.h"
#include "ops/op_support.h"

namespace mmoe {
namespace {

// x is [1, T, in], or [T, in] for rows without a batch dimension.
void LinearOut(KernelRuntimeContext& context, const Tensor& x, const Tensor& weight, const Tensor& scale,
               int64_t out_features, Tensor& out) {
  ArgumentCheck check(context, "mmoe::linear");
  const bool batched = x.dim() == 3;
  check.HasRank(x, "x", batched ? 3 : 2);
  if (!check.ok()) return;
  const int64_t tokens = x.size(batched ? 1 : 0);
  const int64_t inputs = x.size(batched ? 2 : 1);
  check.NoProblem(CheckLinear(inputs, out_features));
  if (!check.ok()) return;
  CheckPanels(check, {weight, "weight"}, {scale, "scale"}, inputs, LinearPanels(out_features));
  if (batched) {
    check.Is(x, "x", ScalarType::Float, {1, tokens, inputs});
    check.ResizeOut(out, {1, tokens, out_features});
  } else {
    check.Is(x, "x", ScalarType::Float, {tokens, inputs});
    check.ResizeOut(out, {tokens, out_features});
  }
  const KernelTable* kernels = check.Kernels();
  if (!check.ok() || tokens == 0) return;
  void* scratch = check.Scratch(LinearWorkspaceBytes(tokens, inputs, *kernels));
  if (!check.ok()) return;
  const LinearTarget target = {out.mutable_data_ptr<float>(), out_features};
  Linear(x.const_data_ptr<float>(), tokens, PanelMatrix(weight, scale, inputs), &target, 1, *kernels,
         ExecutorchParallel(), scratch);
}

const auto kRegistered = RegisterOperator<LinearOut>("mmoe::linear.out");

}  // namespace
}  // namespace mmoe
