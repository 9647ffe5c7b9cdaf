// mmoe::embedding_panels(Tensor weight, Tensor scale, Tensor indices, int vocab_size) -> Tensor

#include "kernels/linear/embedding.h"
#include "ops/checked_operator.h"
#include "ops/linear_check.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"

namespace mmoe {
namespace {

void EmbeddingPanelsOut(KernelRuntimeContext& context, const Tensor& weight, const Tensor& scale,
                        const Tensor& indices, int64_t vocab_size, Tensor& out) {
  ArgumentCheck check(context, "mmoe::embedding_panels");
  check.HasRank(scale, "scale", 3);
  check.HasRank(indices, "indices", 2);
  if (!check.ok()) return;
  const int64_t hidden = scale.size(1) * kLinearGroup;
  const int64_t tokens = indices.size(1);
  check.NoProblem(CheckLinear(hidden, vocab_size));
  if (!check.ok()) return;
  CheckPanels(check, {weight, "weight"}, {scale, "scale"}, hidden, LinearPanels(vocab_size));
  check.Is(indices, "indices", ScalarType::Long, {1, tokens});
  check.ResizeOut(out, {1, tokens, hidden});
  check.AreApart(out, indices);  // the rows that are written first must not become ids
  check.AreTokenIds(indices, vocab_size);
  if (!check.ok()) return;
  EmbeddingPanels(weight.const_data_ptr<uint8_t>(), static_cast<const uint16_t*>(scale.const_data_ptr()),
                  hidden, indices.const_data_ptr<int64_t>(), tokens, OperatorParallel(),
                  out.mutable_data_ptr<float>());
}

const auto kRegistered = RegisterOperator<EmbeddingPanelsOut>("mmoe::embedding_panels.out");

}  // namespace
}  // namespace mmoe
