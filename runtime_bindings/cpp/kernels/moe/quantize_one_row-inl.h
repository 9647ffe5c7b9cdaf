// Both steps of quantize_activations.h for a panel that one row alone meets, while lines are fetched at the pace of memory.
// Behind quantize_rows-inl.h and quantize_tile-inl.h.

namespace mmoe {
namespace {

// A pass asks for a line for every 32 inputs.
static_assert(PanelBytes(32) / kOneRowShares == 64);

// Into the second level, for the panel's products.
inline void FetchWeights(const uint8_t* line) { __builtin_prefetch(line, 0, 2); }

void QuantizeOneRow(const QuantizeOneRowArgs& args) {
  QuantizeTileArgs row = args.row;
  const int64_t inputs = row.inputs;
  const uint8_t* ahead = args.ahead;
  const float largest_scale = LargestScale(row.exact_scales, inputs, [&](int64_t i) {
    FetchWeights(ahead);
    ahead += 64;
    __builtin_prefetch(args.ahead_scales + i);
  });
  const auto fetch_two = [&] {
    FetchWeights(ahead);
    FetchWeights(ahead + 64);
    ahead += 128;
  };

  const Int16Scaling scaling(largest_scale, inputs);
  row.scale_of_scales = scaling.scale;
  I16x32 largest = BroadcastInt16(0), least = BroadcastInt16(0);
  for (int64_t i = 0; i < PaddedInputs(inputs); i += kActivationChunk) {
    scaling.Store([&](int64_t j) { return LoadFloat16(row.exact_scales + j); }, i, args.scales);
    for (int64_t j = i; j < i + kActivationChunk; j += 32) {
      const I16x32 product = MulRounded(LoadInt16(row.rows[0] + j), LoadInt16(args.scales + j));
      largest = MaxInt16(largest, product);
      least = MinInt16(least, product);
    }
    fetch_two();
  }

  const int magnitude = LargestInt16(MaxInt16(largest, NegateInt16(least)));
  const I16x32 factor = FactorOf(row, 0, magnitude);
  I32x16 total = ZeroInts();
  for (int64_t i = 0; i < PaddedInputs(inputs); i += kActivationChunk) {
    const I16x32 a = MulRounded(LoadInt16(row.rows[0] + i), LoadInt16(args.scales + i));
    const I16x32 b = MulRounded(LoadInt16(row.rows[0] + i + 32), LoadInt16(args.scales + i + 32));
    total = StoreInt8(MulRounded(a, factor), MulRounded(b, factor), row.out + i, total);
    fetch_two();
  }
  row.sums[0] = ReduceAddInts(total);
  QuantizeCoarseTokens(row, 0, &magnitude, 1);
}

}  // namespace
}  // namespace mmoe
