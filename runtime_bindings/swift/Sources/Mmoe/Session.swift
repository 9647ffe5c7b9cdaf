import CMmoe

/// Why a text ended.
public enum FinishReason: String, Sendable {
  /// The model ended it.
  case stopToken = "stop_token"
  /// It has as many tokens as were asked for.
  case length
  /// The context has no room for another token.
  case contextFull = "context_full"
  /// It came to one of `Limits.stop`.
  case stopString = "stop_string"
  /// `Session.cancel` ended it.
  case cancelled

  init?(_ finish: Int32) {
    switch mmoe_finish(UInt32(finish)) {
    case MMOE_FINISH_STOP_TOKEN: self = .stopToken
    case MMOE_FINISH_CONTEXT_FULL: self = .contextFull
    case MMOE_FINISH_STOP_STRING: self = .stopString
    case MMOE_FINISH_LENGTH: self = .length
    default: return nil
    }
  }
}

/// What the model thought of a token.
public struct TokenLogprob: Equatable, Sendable {
  public let id: Int32
  /// Natural logarithm of its probability.
  public let logprob: Float

  init(_ core: mmoe_token_logprob) {
    id = core.id
    logprob = core.logprob
  }
}

/// A context of one conversation. It does one thing at a time: a second call while one runs throws `.busy`.
public final class Session: Sendable {
  /// What one decode step gave.
  public struct Step: Equatable, Sendable {
    /// The new token; with a `finishReason` the token that ended the text, or -1.
    public let id: Int32
    /// Whole characters that became readable; often none.
    public let text: String
    /// Nil while the text goes on; otherwise this is its end and no token of it.
    public let finishReason: FinishReason?
  }

  let handle: mmoe_session
  public let model: Model

  /// - Parameter sampling: how to choose tokens; nil for what the artifact recommends.
  public init(_ model: Model, sampling: Sampling? = nil) throws {
    var sampling = (sampling ?? model.sampling).core
    var handle: mmoe_session = 0
    try check(mmoe_session_open(model.handle, &sampling, &handle))
    self.handle = handle
    self.model = model
  }

  deinit { mmoe_session_close(handle) }

  /// Ends a call that runs, frees the context, and refuses what comes after with `.closed`.
  public func close() { mmoe_session_close(handle) }

  /// Makes the context exactly `ids`; what it holds of them already is kept and not run again.
  public func prompt(_ ids: [Int32]) throws { try check(mmoe_session_prompt(handle, ids, ids.count, nil)) }

  /// Appends tokens to the context.
  public func prefill(_ ids: [Int32]) throws { try check(mmoe_session_prefill(handle, ids, ids.count, nil)) }

  /// Chooses the next token, after running the one chosen last.
  public func next() throws -> Step {
    var step = mmoe_step()
    try check(mmoe_session_next(handle, &step))
    let bytes = UnsafeRawBufferPointer(start: step.text, count: step.text_bytes)
    return Step(
      id: step.id, text: String(decoding: bytes, as: UTF8.self), finishReason: FinishReason(step.finish))
  }

  /// Limits the text that follows; `prompt`, `prefill`, `truncate` and `reset` begin one without limits. Tokens are counted
  /// from here, and a text that ended by its length goes on.
  public func setLimits(_ limits: Limits) throws {
    try limits.withCore { try check(mmoe_session_set_limits(handle, $0)) }
  }

  /// Guesses what follows from what the context and `document` have said before, and runs the guess together with a token.
  /// Tokens, logits and log-probabilities are those of plain decoding; texts that repeat come faster.
  /// - Parameters:
  ///   - maxDraftTokens: tokens that one call judges at most; nil for all that the program can, 0 for plain decoding.
  ///   - document: ids that drafts are taken from beside the context: a text that is to be quoted or edited.
  /// - Throws: `.unsupported` if the artifact was converted without `--speculation on`.
  public func setSpeculation(maxDraftTokens: Int? = nil, document: [Int32] = []) throws {
    if let maxDraftTokens, !(0...Int(Int32.max)).contains(maxDraftTokens) {
      throw MmoeError(code: .invalidArgument, message: "maxDraftTokens must not be negative, not \(maxDraftTokens)")
    }
    var speculation = mmoe_speculation()
    mmoe_speculation_init(&speculation)
    speculation.max_draft_tokens = maxDraftTokens.map(Int32.init) ?? -1
    try document.withUnsafeBufferPointer { ids in
      speculation.document = ids.baseAddress
      speculation.document_count = ids.count
      try check(mmoe_session_set_speculation(handle, &speculation))
    }
  }

  /// Restricts the text that follows; without arguments it is any again. `prompt`, `prefill`, `truncate` and `reset` begin a
  /// text without a grammar. Where it allows nothing more, `next` ends the text with `.stopToken`.
  /// - Parameters:
  ///   - jsonSchema: a schema that the text must satisfy as JSON.
  ///   - grammar: a grammar in llama.cpp's GBNF that the text must be of; not beside `jsonSchema`.
  /// - Throws: `.invalidArgument` for what is no schema or no grammar, `.unsupported` for a keyword that is not supported;
  ///   the message says where.
  public func setGrammar(jsonSchema: String? = nil, grammar: String? = nil) throws {
    try setGrammar(Grammar(jsonSchema: jsonSchema, grammar: grammar))
  }

  func setGrammar(_ grammar: Grammar) throws {
    try grammar.withCore { mmoe_session_set_grammar(handle, $0, $1, $2) }
  }

  /// Leaves calls of tools out of the text of the steps that follow, or shows all again: from where a call may begin text is
  /// held back until it cannot be one. What is shown is the content that `Model.toolCalls` finds in the whole text. `prompt`,
  /// `prefill`, `truncate` and `reset` begin a text that shows all.
  public func hideToolCalls(_ on: Bool = true) throws { try check(mmoe_session_hide_tool_calls(handle, on ? 1 : 0)) }

  /// Begins to count which experts the tokens that the session runs are sent to, or ends it.
  public func countExperts(_ on: Bool = true) throws { try check(mmoe_session_count_experts(handle, on ? 1 : 0)) }

  /// How often each expert of each MoE layer was chosen since `countExperts`, layers in the order they run. A chunk of a
  /// prompt sends only its last token through the last layer; tokens that speculative decoding guessed count whether they
  /// were right or not. Empty without a count, before anything was run, and for a program whose experts are not this
  /// library's.
  public func expertCounts() throws -> [[UInt64]] {
    var (layers, experts) = (0, 0)
    let counts: [UInt64] = try collect(0) { values, capacity, count in
      let status = mmoe_session_expert_counts(handle, values, capacity, &layers, &experts)
      count.pointee = layers * experts
      return status
    }
    return (0..<layers).map { Array(counts[$0 * experts..<($0 + 1) * experts]) }
  }

  /// Text that was held back because a stop string may begin with it, for a caller that stops here.
  public func flush() throws -> String {
    var step = mmoe_step()
    try check(mmoe_session_flush(handle, &step))
    return String(decoding: UnsafeRawBufferPointer(start: step.text, count: step.text_bytes), as: UTF8.self)
  }

  /// Puts the token chosen last into the context, as the next step would.
  public func commit() throws { try check(mmoe_session_commit(handle)) }

  /// Appends one given token and leaves its `logits`: decoding under the caller's control.
  public func decode(_ id: Int32) throws { try check(mmoe_session_decode(handle, id)) }

  /// Logits of the last token run, one for each of `vocabSize`.
  public func logits() throws -> [Float] {
    var logits = [Float](repeating: 0, count: model.info.vocabSize)
    try check(mmoe_session_logits(handle, &logits, logits.count))
    return logits
  }

  /// Replaces the sampling and restarts its random numbers from the seed.
  public func setSampling(_ sampling: Sampling) throws {
    var sampling = sampling.core
    try check(mmoe_session_set_sampling(handle, &sampling))
  }

  /// What is added to logits before all else of the sampling, until it is replaced; minus infinity excludes a token.
  public func setLogitBias(_ bias: [Int32: Float]) throws {
    let array = bias.map { mmoe_logit_bias(id: $0.key, bias: $0.value) }
    try check(mmoe_session_set_logit_bias(handle, array, array.count))
  }

  /// What the model itself thought of the token that `next` chose, and of the `top` most probable ones: before bias,
  /// penalties and temperature.
  public func logprobs(top: Int = 0) throws -> (chosen: TokenLogprob, top: [TokenLogprob]) {
    guard (0...model.info.vocabSize).contains(top) else {
      throw MmoeError(code: .invalidArgument, message: "top must be from 0 to \(model.info.vocabSize), not \(top)")
    }
    var chosen = mmoe_token_logprob()
    var best = [mmoe_token_logprob](repeating: mmoe_token_logprob(), count: top)
    try check(mmoe_session_logprobs(handle, &chosen, &best, top))
    return (TokenLogprob(chosen), best.map(TokenLogprob.init))
  }

  /// Empties the context; statistics, random numbers and a pending cancel start afresh.
  public func reset() throws { try check(mmoe_session_reset(handle)) }

  /// Keeps the first `position` tokens; costs nothing.
  public func truncate(to position: Int) throws { try check(mmoe_session_truncate(handle, Int64(position))) }

  /// Tokens in the context.
  public func position() throws -> Int {
    var position: Int64 = 0
    try check(mmoe_session_position(handle, &position))
    return Int(position)
  }

  /// Writes the context, the sampling with its random numbers, and the text where it is, within its grammar if it has one,
  /// to a file, which is replaced only by a whole one. Statistics are not in it.
  public func save(to path: String) throws { try check(mmoe_session_save(handle, path)) }

  /// Makes this the session that `save` wrote: it goes on with the same tokens and text, bit for bit. Any session of a
  /// model with the same program can take it, as often as wanted. Throws `.corrupt` or `.version` for any other file; the
  /// session is then what it was.
  public func restore(from path: String) throws { try check(mmoe_session_restore(handle, path)) }

  /// Ends the running call, or the next one if none runs, with `.cancelled`; from any thread.
  public func cancel() { mmoe_session_cancel(handle) }

  /// Drops a cancel that no call has met yet.
  public func clearCancel() throws { try check(mmoe_session_clear_cancel(handle)) }

  /// Counts and times since the last `prompt` or `prefill`.
  public func stats() throws -> Stats {
    var stats = mmoe_stats()
    mmoe_stats_init(&stats)
    try check(mmoe_session_stats(handle, &stats))
    return Stats(
      loadSeconds: stats.load_seconds, ttftSeconds: stats.ttft_seconds, prefillTokens: Int(stats.prefill_tokens),
      prefillSeconds: stats.prefill_seconds, decodeTokens: Int(stats.decode_tokens),
      decodeSeconds: stats.decode_seconds, programSeconds: stats.program_seconds,
      draftedTokens: Int(stats.drafted_tokens), acceptedTokens: Int(stats.accepted_tokens))
  }
}
