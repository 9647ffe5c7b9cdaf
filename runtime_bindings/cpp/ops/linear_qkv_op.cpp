// mmoe::linear_qkv(Tensor x, Tensor weight, Tensor scale, int query_features, int kv_features)
//   -> (Tensor, Tensor, Tensor)

#include <executorch/runtime/kernel/operator_registry.h>
#include "kernels/linear/linear.h"
#include "ops/checked_operator.h"
#include "ops/linear_check.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"

namespace mmoe {
namespace {

void LinearQkvOut(KernelRuntimeContext& context, const Tensor& x, const Tensor& weight, const Tensor& scale,
                  int64_t query_features, int64_t kv_features, Tensor& query, Tensor& key, Tensor& value) {
  ArgumentCheck check(context, "mmoe::linear_qkv");
  check.HasRank(x, "x", 3);
  if (!check.ok()) return;
  const int64_t tokens = x.size(1), inputs = x.size(2);
  check.NoProblem(CheckLinear(inputs, query_features));
  check.NoProblem(CheckLinear(inputs, kv_features));
  if (!check.ok()) return;
  CheckPanels(check, {weight, "weight"}, {scale, "scale"}, inputs,
              LinearPanels(query_features) + 2 * LinearPanels(kv_features));
  check.Is(x, "x", ScalarType::Float, {1, tokens, inputs});
  check.ResizeOut(query, {1, tokens, query_features});
  check.ResizeOut(key, {1, tokens, kv_features});
  check.ResizeOut(value, {1, tokens, kv_features});
  const std::optional<KernelSet> kernels = check.Kernels();
  if (!check.ok() || tokens == 0) return;
  void* scratch = check.Scratch(LinearWorkspaceBytes(tokens, inputs, *kernels));
  if (!check.ok()) return;
  const LinearTarget targets[] = {{query.mutable_data_ptr<float>(), query_features},
                                  {key.mutable_data_ptr<float>(), kv_features},
                                  {value.mutable_data_ptr<float>(), kv_features}};
  Linear(x.const_data_ptr<float>(), tokens, PanelMatrix(weight, scale, inputs), targets, 3, *kernels,
         OperatorParallel(), scratch);
}

const auto kRegistered = RegisterOperator<LinearQkvOut>("mmoe::linear_qkv.out");

}  // namespace
}  // namespace mmoe
