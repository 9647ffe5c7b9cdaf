#include "kernels/conv/short_conv.h"

#include <algorithm>

namespace mmoe {
namespace {

// A token of 2,048 channels takes about 2 us, a parallel region about 1 us to start: decode stays on the calling thread.
constexpr int64_t kTokensPerTask = 8;

void Multiply(const float* a, const float* b, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = a[i] * b[i];
}

void AddProduct(const float* a, const float* b, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) to[i] += a[i] * b[i];
}

}  // namespace

const char* CheckShortConv(const ShortConvArgs& args, int64_t max_context_len) {
  if (args.taps < 1 || args.channels < 1 || args.rows < 1) {
    return "taps, channels and rows of the cache must be positive";
  }
  if (args.position < 0 || args.position > max_context_len - args.tokens) {
    return "the tokens do not fit the context";
  }
  return args.position + args.tokens <= args.rows || args.taps + args.tokens - 1 <= args.rows
             ? nullptr
             : "the cache has too few rows for this many tokens";
}

void ShortConv(const ShortConvArgs& args, const Parallel& parallel) {
  const int64_t channels = args.channels;
  const auto row = [&](int64_t position) { return args.cache + position % args.rows * channels; };
  ParallelForBlocks(parallel, args.tokens, kTokensPerTask, [&](int64_t t, int) {
    const float* projected = args.projected + t * 3 * channels;
    Multiply(projected, projected + 2 * channels, channels, row(args.position + t));
  });
  ParallelForBlocks(parallel, args.tokens, kTokensPerTask, [&](int64_t t, int) {
    const int64_t position = args.position + t, newest = args.taps - 1;
    float* out = args.out + t * channels;
    Multiply(row(position), args.weight + newest * channels, channels, out);
    for (int64_t tap = std::max<int64_t>(0, newest - position); tap < newest; ++tap) {
      AddProduct(row(position - newest + tap), args.weight + tap * channels, channels, out);
    }
    if (args.bias != nullptr) {
      for (int64_t i = 0; i < channels; ++i) out[i] += args.bias[i];
    }
    Multiply(args.projected + (t * 3 + 1) * channels, out, channels, out);
  });
}

}  // namespace mmoe
