// mmoe::add_rms_norm(Tensor residual, Tensor x, Tensor? y, Tensor weight, float eps) -> (Tensor, Tensor)

#include <executorch/runtime/kernel/operator_registry.h>

#include "kernels/norm/rms_norm.h"
#include "ops/executorch_parallel.h"
#include "ops/op_support.h"

namespace mmoe {
namespace {

using executorch::runtime::EValue;
using executorch::runtime::Span;

struct Inputs {
  const Tensor& residual;
  const Tensor& x;
  const Tensor* y;  // or nullptr
  const Tensor& weight;
};

void AddRmsNorm(KernelRuntimeContext& context, const Inputs& inputs, double eps, Tensor& sum, Tensor& out) {
  ArgumentCheck check(context, "mmoe::add_rms_norm");
  check.HasRank(inputs.residual, "residual", 3);
  if (!check.ok()) return;
  const int64_t tokens = inputs.residual.size(1), hidden = inputs.residual.size(2);
  check.NoProblem(hidden > 0 && hidden % 16 == 0 ? nullptr : "hidden_size must be a positive multiple of 16");
  check.Is(inputs.residual, "residual", ScalarType::Float, {1, tokens, hidden});
  check.Is(inputs.x, "x", ScalarType::Float, {1, tokens, hidden});
  if (inputs.y != nullptr) check.Is(*inputs.y, "y", ScalarType::Float, {1, tokens, hidden});
  check.Is(inputs.weight, "weight", ScalarType::Float, {hidden});
  check.ResizeOut(sum, {1, tokens, hidden});
  check.ResizeOut(out, {1, tokens, hidden});
  const KernelTable* kernels = check.Kernels();
  if (!check.ok()) return;
  const float* y = inputs.y == nullptr ? nullptr : inputs.y->const_data_ptr<float>();
  AddRmsNormRows(*kernels,
                 {tokens, hidden, inputs.residual.const_data_ptr<float>(), inputs.x.const_data_ptr<float>(),
                  y, inputs.weight.const_data_ptr<float>(), static_cast<float>(eps),
                  sum.mutable_data_ptr<float>(), out.mutable_data_ptr<float>()},
                 ExecutorchParallel());
}

// EXECUTORCH_LIBRARY takes operators of one result only.
const auto kRegistered = executorch::runtime::register_kernel(executorch::runtime::Kernel(
    "mmoe::add_rms_norm.out", [](KernelRuntimeContext& context, Span<EValue*> stack) {
      const Tensor* y = stack[2]->isNone() ? nullptr : &stack[2]->toTensor();
      AddRmsNorm(context, {stack[0]->toTensor(), stack[1]->toTensor(), y, stack[3]->toTensor()},
                 stack[4]->toDouble(), stack[5]->toTensor(), stack[6]->toTensor());
    }));

}  // namespace
}  // namespace mmoe
