// mmoe::rms_norm(Tensor x, Tensor weight, float eps) -> Tensor

#include "kernels/norm/rms_norm.h"
#include "ops/checked_operator.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"

namespace mmoe {
namespace {

void RmsNormOut(KernelRuntimeContext& context, const Tensor& x, const Tensor& weight, double eps,
                Tensor& out) {
  ArgumentCheck check(context, "mmoe::rms_norm");
  check.HasRank(x, "x", 3);
  if (!check.ok()) return;
  const int64_t tokens = x.size(1);
  const int64_t hidden = x.size(2);
  check.NoProblem(hidden > 0 && hidden % 16 == 0 ? nullptr : "hidden_size must be a positive multiple of 16");
  check.Is(x, "x", ScalarType::Float, {1, tokens, hidden});
  check.Is(weight, "weight", ScalarType::Float, {hidden});
  check.ResizeOut(out, {1, tokens, hidden});
  const std::optional<KernelSet> kernels = check.Kernels();
  if (!check.ok()) return;
  RmsNormRows(kernels->first(), x.const_data_ptr<float>(), weight.const_data_ptr<float>(), tokens, hidden,
              static_cast<float>(eps), OperatorParallel(), out.mutable_data_ptr<float>());
}

const auto kRegistered = RegisterOperator<RmsNormOut>("mmoe::rms_norm.out");

}  // namespace
}  // namespace mmoe
