import CMmoe

/// How the next token is chosen. The default is greedy; a seed gives the same text on every machine.
public struct Sampling: Equatable, Sendable {
  /// 0 takes the most probable token.
  public var temperature: Float
  /// Keeps the k most probable tokens; 0 keeps all.
  public var topK: Int
  /// Keeps the fewest most probable tokens that reach this sum.
  public var topP: Float
  /// Drops tokens less probable than this share of the most probable one.
  public var minP: Float
  /// Logits of tokens seen before are divided by it when positive and multiplied by it when negative.
  public var repetitionPenalty: Float
  /// Taken from a token's logit for each time that the text holds it, the tokens chosen since the prompt.
  public var frequencyPenalty: Float
  /// Taken once if the text holds the token.
  public var presencePenalty: Float
  public var seed: UInt64

  public init(
    temperature: Float = 0, topK: Int = 0, topP: Float = 1, minP: Float = 0, repetitionPenalty: Float = 1,
    frequencyPenalty: Float = 0, presencePenalty: Float = 0, seed: UInt64 = 0
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.frequencyPenalty = frequencyPenalty
    self.presencePenalty = presencePenalty
    self.seed = seed
  }

  init(_ core: mmoe_sampling) {
    self.init(
      temperature: core.temperature, topK: Int(core.top_k), topP: core.top_p, minP: core.min_p,
      repetitionPenalty: core.repetition_penalty, seed: core.seed)
  }

  var core: mmoe_sampling {
    var sampling = mmoe_sampling()
    mmoe_sampling_init(&sampling)
    sampling.temperature = temperature
    sampling.top_k = Int32(clamping: topK)
    sampling.top_p = topP
    sampling.min_p = minP
    sampling.repetition_penalty = repetitionPenalty
    sampling.frequency_penalty = frequencyPenalty
    sampling.presence_penalty = presencePenalty
    sampling.seed = seed
    return sampling
  }
}
