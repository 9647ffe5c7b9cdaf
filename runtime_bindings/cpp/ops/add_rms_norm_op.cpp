// mmoe::add_rms_norm(Tensor residual, Tensor x, Tensor? y, Tensor weight, float eps) -> (Tensor, Tensor)

#include <optional>

#include "kernels/norm/rms_norm.h"
#include "ops/checked_operator.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"

namespace mmoe {
namespace {

void AddRmsNormOut(KernelRuntimeContext& context, const Tensor& residual, const Tensor& x,
                   std::optional<Tensor> y, const Tensor& weight, double eps, Tensor& sum, Tensor& out) {
  ArgumentCheck check(context, "mmoe::add_rms_norm");
  check.HasRank(residual, "residual", 3);
  if (!check.ok()) return;
  const int64_t tokens = residual.size(1), hidden = residual.size(2);
  check.NoProblem(hidden > 0 && hidden % 16 == 0 ? nullptr : "hidden_size must be a positive multiple of 16");
  check.Is(residual, "residual", ScalarType::Float, {1, tokens, hidden});
  check.Is(x, "x", ScalarType::Float, {1, tokens, hidden});
  if (y.has_value()) check.Is(*y, "y", ScalarType::Float, {1, tokens, hidden});
  check.Is(weight, "weight", ScalarType::Float, {hidden});
  check.ResizeOut(sum, {1, tokens, hidden});
  check.ResizeOut(out, {1, tokens, hidden});
  const std::optional<KernelSet> kernels = check.Kernels();
  if (!check.ok()) return;
  AddRmsNormRows(kernels->first(),
                 {tokens, hidden, residual.const_data_ptr<float>(), x.const_data_ptr<float>(),
                  y.has_value() ? y->const_data_ptr<float>() : nullptr, weight.const_data_ptr<float>(),
                  static_cast<float>(eps), sum.mutable_data_ptr<float>(), out.mutable_data_ptr<float>()},
                 OperatorParallel());
}

const auto kRegistered = RegisterOperator<AddRmsNormOut>("mmoe::add_rms_norm.out");

}  // namespace
}  // namespace mmoe
