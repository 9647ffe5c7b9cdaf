// mmoe::linear_qkv(Tensor x, Tensor weight, Tensor scale, int query_features, int kv_features)
//   -> (Tensor, Tensor, Tensor)

#include <executorch/runtime/kernel/operator_registry.h>

#include "kernels/linear/linear.h"
#include "ops/executorch_parallel.h"
#include "ops/linear_check.h"
#include "ops/op_support.h"

namespace mmoe {
namespace {

using executorch::runtime::EValue;
using executorch::runtime::Span;

struct Outputs {
  Tensor& query;
  Tensor& key;
  Tensor& value;
};

void LinearQkv(KernelRuntimeContext& context, const Tensor& x, const Tensor& weight, const Tensor& scale,
               int64_t query_features, int64_t kv_features, const Outputs& out) {
  ArgumentCheck check(context, "mmoe::linear_qkv");
  check.HasRank(x, "x", 3);
  if (!check.ok()) return;
  const int64_t tokens = x.size(1), inputs = x.size(2);
  check.NoProblem(CheckLinear(inputs, query_features));
  check.NoProblem(CheckLinear(inputs, kv_features));
  CheckPanels(check, {weight, "weight"}, {scale, "scale"}, inputs,
              LinearPanels(query_features) + 2 * LinearPanels(kv_features));
  check.Is(x, "x", ScalarType::Float, {1, tokens, inputs});
  check.ResizeOut(out.query, {1, tokens, query_features});
  check.ResizeOut(out.key, {1, tokens, kv_features});
  check.ResizeOut(out.value, {1, tokens, kv_features});
  const KernelTable* kernels = check.Kernels();
  if (!check.ok() || tokens == 0) return;
  void* scratch = check.Scratch(LinearWorkspaceBytes(tokens, inputs, *kernels));
  if (!check.ok()) return;
  const LinearTarget targets[] = {{out.query.mutable_data_ptr<float>(), query_features},
                                  {out.key.mutable_data_ptr<float>(), kv_features},
                                  {out.value.mutable_data_ptr<float>(), kv_features}};
  Linear(x.const_data_ptr<float>(), tokens, PanelMatrix(weight, scale, inputs), targets, 3, *kernels,
         ExecutorchParallel(), scratch);
}

// EXECUTORCH_LIBRARY takes operators of one result only.
const auto kRegistered = executorch::runtime::register_kernel(executorch::runtime::Kernel(
    "mmoe::linear_qkv.out", [](KernelRuntimeContext& context, Span<EValue*> stack) {
      LinearQkv(context, stack[0]->toTensor(), stack[1]->toTensor(), stack[2]->toTensor(), stack[3]->toInt(),
                stack[4]->toInt(), {stack[5]->toTensor(), stack[6]->toTensor(), stack[7]->toTensor()});
    }));

}  // namespace
}  // namespace mmoe
