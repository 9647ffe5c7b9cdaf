// The router's scores in float32. One token streams the weights, four experts at a time, so that four chains
// of additions hide each other's latency; several tokens share what is loaded, as far as the registers go.

namespace mmoe {
namespace {

template <int kTokens, int kRows, bool kStreams>
inline void DotRows(const float* x, const float* rows, int64_t length, float* out, int64_t stride) {
  F32x16 sums[kTokens][kRows];
  for (int t = 0; t < kTokens; ++t) {
    for (int r = 0; r < kRows; ++r) sums[t][r] = Broadcast(0.0f);
  }
  for (int64_t i = 0; i < length; i += 16) {
    F32x16 weights[kRows];
    for (int r = 0; r < kRows; ++r) {
      weights[r] = Load(rows + r * length + i);
      if constexpr (kStreams) __builtin_prefetch(rows + (kRows + r) * length + i);
    }
    for (int t = 0; t < kTokens; ++t) {
      const F32x16 value = Load(x + t * length + i);
      for (int r = 0; r < kRows; ++r) sums[t][r] = Add(sums[t][r], Mul(value, weights[r]));
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int r = 0; r < kRows; ++r) out[t * stride + r] = ReduceAdd(sums[t][r]);
  }
}

template <int kTokens, bool kStreams, bool kSigmoid>
inline void TokenScores(const float* x, const float* weight, int64_t experts, int64_t hidden, float* scores,
                        int64_t stride) {
  int64_t e = 0;
  for (; e + 4 <= experts; e += 4) {
    DotRows<kTokens, 4, kStreams>(x, weight + e * hidden, hidden, scores + e, stride);
  }
  for (; e < experts; ++e) DotRows<kTokens, 1, kStreams>(x, weight + e * hidden, hidden, scores + e, stride);
  if constexpr (!kSigmoid) return;
  for (int t = 0; t < kTokens; ++t) {
    float* of_token = scores + t * stride;
    for (e = 0; e < experts; e += 16) {
      StoreFirst(Sigmoid(LoadFirst(of_token + e, experts - e)), of_token + e, experts - e);
    }
  }
}

template <bool kSigmoid>
inline void Scores(const float* x, int64_t tokens, const float* weight, int64_t experts, int64_t hidden,
                   float* scores, int64_t stride) {
  if (tokens == 1) return TokenScores<1, true, kSigmoid>(x, weight, experts, hidden, scores, stride);
  constexpr int kTogether = kSixteenLaneRegisters >= 32 ? 4 : 1;
  int64_t t = 0;
  for (; t + kTogether <= tokens; t += kTogether) {
    TokenScores<kTogether, false, kSigmoid>(x + t * hidden, weight, experts, hidden, scores + t * stride,
                                            stride);
  }
  for (; t < tokens; ++t) {
    TokenScores<1, false, kSigmoid>(x + t * hidden, weight, experts, hidden, scores + t * stride, stride);
  }
}

void RouterScores(const float* x, int64_t tokens, const float* weight, int64_t experts, int64_t hidden,
                  float* scores, int64_t stride) {
  Scores<true>(x, tokens, weight, experts, hidden, scores, stride);
}

void RouterLogits(const float* x, int64_t tokens, const float* weight, int64_t experts, int64_t hidden,
                  float* logits, int64_t stride) {
  Scores<false>(x, tokens, weight, experts, hidden, logits, stride);
}

// The sum runs in the 16 partial sums that all reductions have.
void Softmax(float* values, int64_t count) {
  constexpr float kLowest = -3.402823466e38f;
  F32x16 largest = Broadcast(kLowest);
  for (int64_t i = 0; i < count; i += 16) {
    largest = Max(largest, KeepFirst(LoadFirst(values + i, count - i), count - i, kLowest));
  }
  const F32x16 shift = Broadcast(ReduceMax(largest));
  F32x16 sums = Broadcast(0.0f);
  for (int64_t i = 0; i < count; i += 16) {
    const F32x16 power = Exp(Sub(LoadFirst(values + i, count - i), shift));
    sums = Add(sums, KeepFirst(power, count - i, 0.0f));
    StoreFirst(power, values + i, count - i);
  }
  const F32x16 sum = Broadcast(ReduceAdd(sums));
  for (int64_t i = 0; i < count; i += 16) {
    StoreFirst(Div(LoadFirst(values + i, count - i), sum), values + i, count - i);
  }
}

}  // namespace
}  // namespace mmoe
