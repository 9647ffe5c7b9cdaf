// mmoe::embedding_planes(Tensor weight, Tensor scale, Tensor indices, int vocab_size, int planes) -> Tensor

#include "kernels/linear/linear_planes.h"

#include "ops/checked_operator.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"
#include "ops/plane_check.h"

namespace mmoe {
namespace {

void EmbeddingPlanesOut(KernelRuntimeContext& context, const Tensor& weight, const Tensor& scale,
                        const Tensor& indices, int64_t vocab_size, int64_t planes, Tensor& out) {
  ArgumentCheck check(context, "mmoe::embedding_planes");
  check.HasRank(scale, "scale", 3);
  check.HasRank(indices, "indices", 2);
  check.NoProblem(planes == 2 || planes == 4 ? nullptr : "there must be 2 or 4 planes");
  if (!check.ok()) return;
  const int64_t hidden = scale.size(1) / planes * kLinearGroup;
  const int64_t tokens = indices.size(1);
  CheckPlanes(check, weight, scale, hidden, vocab_size, planes);
  check.Is(indices, "indices", ScalarType::Long, {1, tokens});
  check.ResizeOut(out, {1, tokens, hidden});
  check.AreApart(out, indices);  // the rows that are written first must not become ids
  check.AreTokenIds(indices, vocab_size);
  if (!check.ok()) return;
  EmbeddingPlanes(AsPlanes(weight, scale, hidden, planes), indices.const_data_ptr<int64_t>(), tokens,
                  OperatorParallel(), out.mutable_data_ptr<float>());
}

const auto kRegistered = RegisterOperator<EmbeddingPlanesOut>("mmoe::embedding_planes.out");

}  // namespace
}  // namespace mmoe
