import Dispatch

/// One call into the core and the task that waits for it. A cancel must reach the core only while the call is inside, or it
/// would end somebody's next one.
private final class Call: @unchecked Sendable {
  private let lock = DispatchSemaphore(value: 1)
  private var cancelled = false
  private var finished = false

  private func locked(_ work: () -> Void) {
    lock.wait()
    work()
    lock.signal()
  }

  func cancel(_ session: Session) {
    locked {
      if !finished { session.cancel() }
      cancelled = true
    }
  }

  func finish(_ session: Session) {
    locked {
      if cancelled { session.clearCancel() }
      finished = true
    }
  }
}

/// The state of one stream; its consumer asks for one step at a time.
private final class Generation: @unchecked Sendable {
  private let session: Session
  private var prompt: [Int32]?
  private var left: Int

  init(_ session: Session, _ prompt: [Int32], _ maxNewTokens: Int) {
    self.session = session
    self.prompt = prompt
    left = maxNewTokens
  }

  func next() async throws -> Session.Step? {
    guard left > 0, !Task.isCancelled else { return nil }
    let prompt = prompt.take()
    do {
      let step = try await session.computing { session in
        if let prompt { try session.prompt(prompt) }
        return try session.next()
      }
      left = step.finish == .none ? left - 1 : 0
      return step.finish == .none || !step.text.isEmpty ? step : nil
    } catch let error as MmoeError where error.code == .cancelled && Task.isCancelled {
      return nil
    }
  }
}

extension Optional {
  fileprivate mutating func take() -> Wrapped? {
    defer { self = nil }
    return self
  }
}

extension Session {
  /// Continues a prompt, piece by piece. The prompt is given from its first token on: what the context holds already is
  /// not run again, so a conversation costs its new turn only.
  ///
  ///     for try await step in session.generate(try model.chat(messages)) { print(step.text, terminator: "") }
  ///
  /// Each step is computed when it is asked for. The stream ends after a stop token, at the end of the context, or after
  /// `maxNewTokens`; cancelling the consuming task ends it within one token, and the context keeps what was run.
  public func generate(_ prompt: [Int32], maxNewTokens: Int = .max) -> AsyncThrowingStream<Step, Error> {
    let generation = Generation(self, prompt, maxNewTokens)
    return AsyncThrowingStream { try await generation.next() }
  }

  /// Runs blocking calls on a thread of their own: the threads of Swift's pool must not block.
  func computing<Value: Sendable>(_ work: @escaping @Sendable (Session) throws -> Value) async throws -> Value {
    let call = Call()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global(qos: .userInitiated).async {
          let result = Result { try work(self) }
          call.finish(self)
          continuation.resume(with: result)
        }
      }
    } onCancel: {
      call.cancel(self)
    }
  }
}
