// mmoe::embedding(Tensor qweight, Tensor scale, Tensor indices) -> Tensor

#include "kernels/linear/embedding.h"
#include "ops/checked_operator.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"

namespace mmoe {
namespace {

void EmbeddingOut(KernelRuntimeContext& context, const Tensor& qweight, const Tensor& scale,
                  const Tensor& indices, Tensor& out) {
  ArgumentCheck check(context, "mmoe::embedding");
  check.HasRank(qweight, "qweight", 2);
  check.HasRank(indices, "indices", 2);
  if (!check.ok()) return;
  const int64_t vocab = qweight.size(0);
  const int64_t hidden = 2 * qweight.size(1);
  const int64_t tokens = indices.size(1);
  check.NoProblem(hidden > 0 && hidden % 32 == 0 ? nullptr : "hidden_size must be a positive multiple of 32");
  check.Is(qweight, "qweight", ScalarType::Byte, {vocab, hidden / 2});
  check.Is(scale, "scale", ScalarType::Half, {vocab, hidden / 32});
  check.Is(indices, "indices", ScalarType::Long, {1, tokens});
  check.ResizeOut(out, {1, tokens, hidden});
  check.AreApart(out, indices);  // the rows that are written first must not become ids
  check.AreTokenIds(indices, vocab);
  if (!check.ok()) return;
  Embedding(qweight.const_data_ptr<uint8_t>(), static_cast<const uint16_t*>(scale.const_data_ptr()), hidden,
            indices.const_data_ptr<int64_t>(), tokens, OperatorParallel(), out.mutable_data_ptr<float>());
}

const auto kRegistered = RegisterOperator<EmbeddingOut>("mmoe::embedding.out");

}  // namespace
}  // namespace mmoe
