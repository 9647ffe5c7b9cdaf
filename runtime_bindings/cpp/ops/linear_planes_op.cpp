// mmoe::linear_planes(Tensor x, Tensor weight, Tensor scale, int out_features, int planes) -> Tensor

#include "kernels/linear/linear_planes.h"

#include "ops/checked_operator.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"
#include "ops/plane_check.h"
#include "ops/token_rows.h"

namespace mmoe {
namespace {

void LinearPlanesOut(KernelRuntimeContext& context, const Tensor& x, const Tensor& weight,
                     const Tensor& scale, int64_t out_features, int64_t planes, Tensor& out) {
  ArgumentCheck check(context, "mmoe::linear_planes");
  const TokenRows rows = RowsOf(check, x);
  if (!check.ok()) return;
  CheckPlanes(check, weight, scale, rows.inputs, out_features, planes);
  if (!check.ok()) return;
  ResizeLike(check, x, rows, out_features, out);
  const std::optional<KernelSet> kernels = check.Kernels();
  if (!check.ok() || rows.tokens == 0) return;
  void* scratch = check.Scratch(LinearPlanesWorkspaceBytes(rows.tokens, rows.inputs, planes, *kernels));
  if (!check.ok()) return;
  LinearPlanes(x.const_data_ptr<float>(), rows.tokens, AsPlanes(weight, scale, rows.inputs, planes),
               out_features, out.mutable_data_ptr<float>(), *kernels, OperatorParallel(), scratch);
}

const auto kRegistered = RegisterOperator<LinearPlanesOut>("mmoe::linear_planes.out");

}  // namespace
}  // namespace mmoe
