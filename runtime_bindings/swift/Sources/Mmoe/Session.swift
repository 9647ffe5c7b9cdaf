import CMmoe

/// A context of one conversation. It does one thing at a time: a second call while one runs throws `.busy`.
public final class Session: Sendable {
  /// What one decode step gave.
  public struct Step: Equatable, Sendable {
    public enum Finish: Int32, Sendable {
      case none, stopToken, contextFull
    }

    public let id: Int32
    /// Whole characters that became readable; often none.
    public let text: String
    public let finish: Finish
  }

  let handle: mmoe_session
  public let model: Model

  public init(_ model: Model, sampling: Sampling = Sampling()) throws {
    var sampling = sampling.core
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
      id: step.id, text: String(decoding: bytes, as: UTF8.self), finish: Step.Finish(rawValue: step.finish) ?? .none)
  }

  public func setSampling(_ sampling: Sampling) throws {
    var sampling = sampling.core
    try check(mmoe_session_set_sampling(handle, &sampling))
  }

  public func reset() throws { try check(mmoe_session_reset(handle)) }

  public func truncate(to position: Int) throws { try check(mmoe_session_truncate(handle, Int64(position))) }

  /// Tokens in the context.
  public func position() throws -> Int {
    var position: Int64 = 0
    try check(mmoe_session_position(handle, &position))
    return Int(position)
  }

  /// Ends the running call, or the next one if none runs, with `.cancelled`; from any thread.
  public func cancel() { mmoe_session_cancel(handle) }

  func clearCancel() { mmoe_session_clear_cancel(handle) }

  public func statistics() throws -> Statistics {
    var stats = mmoe_stats()
    mmoe_stats_init(&stats)
    try check(mmoe_session_stats(handle, &stats))
    return Statistics(
      loadSeconds: stats.load_seconds, ttftSeconds: stats.ttft_seconds, prefillTokens: Int(stats.prefill_tokens),
      prefillSeconds: stats.prefill_seconds, decodeTokens: Int(stats.decode_tokens),
      decodeSeconds: stats.decode_seconds)
  }
}
