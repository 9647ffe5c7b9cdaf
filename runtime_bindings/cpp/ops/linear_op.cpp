// mmoe::linear(Tensor x, Tensor weight, Tensor scale, int out_features) -> Tensor

#include "kernels/linear/linear.h"

#include "ops/checked_operator.h"
#include "ops/linear_check.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"
#include "ops/token_rows.h"

namespace mmoe {
namespace {

void LinearOut(KernelRuntimeContext& context, const Tensor& x, const Tensor& weight, const Tensor& scale,
               int64_t out_features, Tensor& out) {
  ArgumentCheck check(context, "mmoe::linear");
  const TokenRows rows = RowsOf(check, x);
  if (!check.ok()) return;
  check.NoProblem(CheckLinear(rows.inputs, out_features));
  if (!check.ok()) return;
  CheckPanels(check, {weight, "weight"}, {scale, "scale"}, rows.inputs, LinearPanels(out_features));
  ResizeLike(check, x, rows, out_features, out);
  const std::optional<KernelSet> kernels = check.Kernels();
  if (!check.ok() || rows.tokens == 0) return;
  void* scratch = check.Scratch(LinearWorkspaceBytes(rows.tokens, rows.inputs, *kernels));
  if (!check.ok()) return;
  const LinearTarget target = {out.mutable_data_ptr<float>(), out_features};
  Linear(x.const_data_ptr<float>(), rows.tokens, PanelMatrix(weight, scale, rows.inputs), &target, 1,
         *kernels, OperatorParallel(), scratch);
}

const auto kRegistered = RegisterOperator<LinearOut>("mmoe::linear.out");

}  // namespace
}  // namespace mmoe
