// What happens to each head of queries and keys before attention.

#include "kernels/attention/attention_kernels.h"

namespace mmoe {
namespace {

void PrepareHead(const HeadArgs& args) {
  F32x16 squares = Broadcast(0.0f);
  for (int64_t d = 0; d < args.head_dim; d += 16) {
    F32x16 x = LoadFirst(args.x + d, args.head_dim - d);
    if (args.cosine != nullptr) {
      const int64_t pairs = (args.head_dim - d) / 2;
      const F32x16 cosine = LoadPairs(args.cosine + d / 2, pairs), sine = LoadPairs(args.sine + d / 2, pairs);
      x = Add(Mul(x, cosine), Mul(SwapPairs(x), NegateEven(sine)));
    }
    squares = Add(squares, Mul(x, x));
    Store(x, args.out + d);
  }
  if (!args.use_qk_norm) return;
  const float mean = ReduceAdd(squares) / static_cast<float>(args.head_dim);
  const F32x16 factor = Broadcast(1.0f / std::sqrt(mean + args.qk_norm_eps));
  for (int64_t d = 0; d < args.head_dim; d += 16) Store(Mul(Load(args.out + d), factor), args.out + d);
}

}  // namespace
}  // namespace mmoe
