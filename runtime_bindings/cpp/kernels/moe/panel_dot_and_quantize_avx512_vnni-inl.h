// A panel's products while the same rows are quantised for the next panel. Zen 4 multiplies on two of its
// four vector pipes, which vpdpbusd alone keeps busy; maxima, additions and packing go to the other two. What
// quantising multiplies still costs its time, which is why products with the scales are kept for their second
// use. 12 tokens of 768 inputs: 130 ns for a token and panel instead of 147 ns one after the other.

namespace mmoe {
namespace {

// Fewer tokens leave too little to hide behind: 4 tokens gain 3 %, one loses 15 %.
constexpr int kFewestInterleaved = 4;

// Two chunks of activations are quantised beside each block of the panel.
constexpr int64_t kInterleavedInputs = 2 * kActivationChunk;

// Beyond it a token's sum, of 2 * inputs / 64 values up to 127 in a lane, might not fit 16 bits.
constexpr int64_t kMostInterleaved = 8192;

// A panel's blocks, one at a time.
template <int kTokens>
class PanelBlocks {
 public:
  explicit PanelBlocks(const PanelDotArgs& args)
      : args_(args),
        ahead_(reinterpret_cast<const char*>(args.ahead)),
        blocks_(static_cast<uint64_t>(args.inputs / kPanelBlockInputs)) {
#pragma GCC unroll 12
    for (int t = 0; t < kTokens; ++t) whole_[t] = high_[t] = _mm512_setzero_si512();
  }

  bool done() const { return block_ == blocks_; }

  __attribute__((always_inline)) void Next() {
    _mm_prefetch(ahead_, _MM_HINT_T1);
    ahead_ += args_.ahead_step;
    DotBlock<kTokens>(args_.panel + block_ * kPanelBlockBytes,
                      BlockActivations<kTokens>(args_.activations, block_), whole_, high_);
    ++block_;
  }

  void Store() const { StoreProducts<kTokens>(args_, whole_, high_); }

 private:
  const PanelDotArgs& args_;
  const char* ahead_;
  uint64_t blocks_;
  uint64_t block_ = 0;
  __m512i whole_[kTokens], high_[kTokens];
};

// Every token takes inputs / 64 blocks, so the panel's inputs / 4 are enough for 16 tokens.
template <int kTokens>
void InterleavedTokens(const PanelDotArgs& args, const QuantizeTileArgs& next, int16_t* scaled) {
  PanelBlocks<kTokens> panel(args);
  const int64_t inputs = next.inputs;
  int magnitudes[kTokens];
  for (int t = 0; t < kTokens; ++t) {
    const int16_t* row = next.rows[t];
    I16x32 largest = BroadcastInt16(0), least = largest;
    for (int64_t i = 0; i < inputs; i += kInterleavedInputs) {
      panel.Next();
#pragma GCC unroll 4
      for (int vector = 0; vector < 4; ++vector) {
        const int64_t j = i + vector * 32;
        const I16x32 product = MulRounded(LoadInt16(row + j), LoadInt16(next.scales + j));
        _mm512_store_si512(scaled + j, product);
        // A magnitude would need the pipes that multiply.
        largest = _mm512_max_epi16(largest, product);
        least = _mm512_min_epi16(least, product);
      }
    }
    magnitudes[t] = LargestInt16(MaxInt16(largest, NegateInt16(least)));
    const I16x32 factor = FactorOf(next, t, magnitudes[t]);
    I16x32 total = BroadcastInt16(0);
    int8_t* out = next.out + t * kActivationChunk;
    for (int64_t i = 0; i < inputs; i += kInterleavedInputs) {
      panel.Next();
#pragma GCC unroll 2
      for (int chunk = 0; chunk < 2; ++chunk) {
        const int64_t j = i + chunk * kActivationChunk;
        const I16x32 a = MulRounded(factor, LoadInt16(scaled + j));
        const I16x32 b = MulRounded(factor, LoadInt16(scaled + j + 32));
        // Not StoreInt8, which adds with vpdpbusd.
        total = _mm512_add_epi16(total, _mm512_add_epi16(a, b));
        _mm512_storeu_si512(out, _mm512_packs_epi16(a, b));
        out += kTokens * kActivationChunk;
      }
    }
    next.sums[t] = ReduceAddInts(_mm512_madd_epi16(total, BroadcastInt16(1)));
  }
  while (!panel.done()) panel.Next();
  panel.Store();
  // Not before: a call would cost the panel its registers.
  QuantizeCoarseTokens(next, 0, magnitudes, kTokens);
}

void PanelDotAndQuantize(const PanelDotArgs& args, const QuantizeTileArgs& next, int16_t* scratch) {
  using Function = void (*)(const PanelDotArgs&, const QuantizeTileArgs&, int16_t*);
  static constexpr Function kByTokens[] = {
      InterleavedTokens<4>,  InterleavedTokens<5>,  InterleavedTokens<6>,
      InterleavedTokens<7>,  InterleavedTokens<8>,  InterleavedTokens<9>,
      InterleavedTokens<10>, InterleavedTokens<11>, InterleavedTokens<12>,
  };
  if (args.tokens >= kFewestInterleaved && args.inputs % kInterleavedInputs == 0 &&
      args.inputs <= kMostInterleaved) {
    return kByTokens[args.tokens - kFewestInterleaved](args, next, scratch);
  }
  PanelDot(args);
  QuantizeTile(next);
}

}  // namespace
}  // namespace mmoe
