// mmoe::linear_planes(Tensor x, Tensor weight, Tensor scale, int out_features, int planes) -> Tensor

#include "kernels/linear/linear_planes.h"

#include "ops/checked_operator.h"
#include "ops/executorch_parallel.h"
#include "ops/op_support.h"
#include "ops/plane_check.h"

namespace mmoe {
namespace {

// x is [1, T, in], or [T, in] for rows without a batch dimension.
void LinearPlanesOut(KernelRuntimeContext& context, const Tensor& x, const Tensor& weight,
                     const Tensor& scale, int64_t out_features, int64_t planes, Tensor& out) {
  ArgumentCheck check(context, "mmoe::linear_planes");
  const bool batched = x.dim() == 3;
  check.HasRank(x, "x", batched ? 3 : 2);
  if (!check.ok()) return;
  const int64_t tokens = x.size(batched ? 1 : 0);
  const int64_t inputs = x.size(batched ? 2 : 1);
  CheckPlanes(check, weight, scale, inputs, out_features, planes);
  if (!check.ok()) return;
  if (batched) {
    check.Is(x, "x", ScalarType::Float, {1, tokens, inputs});
    check.ResizeOut(out, {1, tokens, out_features});
  } else {
    check.Is(x, "x", ScalarType::Float, {tokens, inputs});
    check.ResizeOut(out, {tokens, out_features});
  }
  const KernelTable* kernels = check.Kernels();
  if (!check.ok() || tokens == 0) return;
  void* scratch = check.Scratch(LinearPlanesWorkspaceBytes(tokens, inputs, planes, *kernels));
  if (!check.ok()) return;
  LinearPlanes(x.const_data_ptr<float>(), tokens, AsPlanes(weight, scale, inputs, planes), out_features,
               out.mutable_data_ptr<float>(), *kernels, ExecutorchParallel(), scratch);
}

const auto kRegistered = RegisterOperator<LinearPlanesOut>("mmoe::linear_planes.out");

}  // namespace
}  // namespace mmoe
