import Dispatch

/// A conversation by the artifact's chat template, in a session of its own. What the session's context holds of it already
/// is not run again, so a turn costs its own tokens only.
///
///     let chat = try Chat(model, system: "Be brief.")
///     for try await step in chat.send("Why is the sky blue?") { print(step.text, terminator: "") }
public final class Chat: @unchecked Sendable {
  private let session: Session
  private let opening: [Message]
  private let lock = DispatchSemaphore(value: 1)
  private var turns: [Message]

  /// - Parameters:
  ///   - system: what the conversation begins with, if anything.
  ///   - sampling: how to choose tokens; nil for what the artifact recommends.
  /// - Throws: `.unsupported` if the artifact has no chat template.
  public init(_ model: Model, system: String? = nil, sampling: Sampling? = nil) throws {
    opening = system.map { [Message(.system, $0)] } ?? []
    turns = opening
    // A model without a template should say so before somebody types.
    _ = try model.chat(opening + [Message(.user, "")])
    session = try Session(model, sampling: sampling)
  }

  /// The turns so far, the system message first.
  public private(set) var history: [Message] {
    get { locked { turns } }
    set { locked { turns = newValue } }
  }

  /// Says something and streams the answer, as `Session.generate` does.
  ///
  /// The turn becomes part of `history` when its answer has ended. One that fails, is cancelled, or is not read to its end
  /// leaves the conversation as it was.
  public func send(
    _ text: String, maxNewTokens: Int? = nil, minNewTokens: Int = 0, stop: [String] = [], jsonSchema: String? = nil,
    grammar: String? = nil
  ) -> AsyncThrowingStream<Session.Step, Error> {
    let turns = history + [Message(.user, text)]
    let keep: @Sendable (String) -> Void = { [weak self] answer in
      self?.history = turns + [Message(.assistant, answer)]
    }
    let limits = Limits(stop: stop, minNewTokens: minNewTokens, maxNewTokens: maxNewTokens)
    let restricted = Grammar(jsonSchema: jsonSchema, grammar: grammar)
    return session.stream({ try $0.chat(turns) }, limits, restricted, onFinish: keep)
  }

  /// Forgets all turns but the system message.
  public func reset() throws {
    try session.reset()
    history = opening
  }

  /// Counts and times of the last turn.
  public func stats() throws -> Stats { try session.stats() }

  /// Ends the running turn, or the next one if none runs; from any thread.
  public func cancel() { session.cancel() }

  /// Ends a turn that runs and frees the context; a second time does nothing.
  public func close() { session.close() }

  private func locked<Value>(_ work: () -> Value) -> Value {
    lock.wait()
    defer { lock.signal() }
    return work()
  }
}
