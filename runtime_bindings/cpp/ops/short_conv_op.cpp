// mmoe::short_conv(Tensor projected, Tensor weight, Tensor? bias, Tensor input_pos, Tensor(a!) cache,
//                  int max_context_len) -> Tensor

#include "kernels/conv/short_conv.h"

#include <optional>
#include "ops/checked_operator.h"
#include "ops/op_support.h"
#include "ops/operator_parallel.h"

namespace mmoe {
namespace {

void ShortConvOut(KernelRuntimeContext& context, const Tensor& projected, const Tensor& weight,
                  std::optional<Tensor> bias, const Tensor& input_pos, Tensor& cache, int64_t max_context_len,
                  Tensor& out) {
  ArgumentCheck check(context, "mmoe::short_conv");
  check.HasRank(projected, "projected", 3);
  check.HasRank(weight, "weight", 2);
  check.HasRank(cache, "cache", 2);
  check.Is(input_pos, "input_pos", ScalarType::Long, {1});
  if (!check.ok()) return;
  const int64_t tokens = projected.size(1), taps = weight.size(0), channels = weight.size(1);
  check.Is(projected, "projected", ScalarType::Float, {1, tokens, 3 * channels});
  check.Is(weight, "weight", ScalarType::Float, {taps, channels});
  check.Is(cache, "cache", ScalarType::Float, {cache.size(0), channels});
  if (bias.has_value()) check.Is(*bias, "bias", ScalarType::Float, {channels});
  if (!check.ok()) return;
  ShortConvArgs args = {tokens,
                        channels,
                        taps,
                        cache.size(0),
                        input_pos.const_data_ptr<int64_t>()[0],
                        projected.const_data_ptr<float>(),
                        weight.const_data_ptr<float>(),
                        bias.has_value() ? bias->const_data_ptr<float>() : nullptr,
                        cache.mutable_data_ptr<float>(),
                        nullptr};
  check.NoProblem(CheckShortConv(args, max_context_len));
  check.ResizeOut(out, {1, tokens, channels});
  if (!check.ok()) return;
  args.out = out.mutable_data_ptr<float>();
  ShortConv(args, OperatorParallel());
}

const auto kRegistered = RegisterOperator<ShortConvOut>("mmoe::short_conv.out");

}  // namespace
}  // namespace mmoe
