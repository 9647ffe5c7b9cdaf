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
      if cancelled { try? session.clearCancel() }  // closed: then nobody meets it
      finished = true
    }
  }
}

/// The state of one stream; its consumer asks for one step at a time.
final class Generation: @unchecked Sendable {
  private let session: Session
  private var prompt: Session.Prompt?
  private let limits: Limits
  private let grammar: Grammar
  private let hideToolCalls: Bool
  private let onFinish: Session.OnFinish?
  private var begun = false
  private var text = ""
  private var ids: [Int32] = []
  private var ended = false

  init(
    _ session: Session, _ prompt: @escaping Session.Prompt, _ limits: Limits, _ grammar: Grammar, _ hideToolCalls: Bool,
    _ onFinish: Session.OnFinish?
  ) {
    self.session = session
    self.prompt = prompt
    self.limits = limits
    self.grammar = grammar
    self.hideToolCalls = hideToolCalls
    self.onFinish = onFinish
  }

  func next() async throws -> Session.Step? {
    guard !ended, !Task.isCancelled else { return nil }
    do {
      let step = try await compute()
      text += step.text
      ended = step.finishReason != nil
      if ended { try onFinish?(text, ids) } else { ids.append(step.id) }
      return step
    } catch let error as MmoeError where error.code == .cancelled {
      ended = true
      guard !Task.isCancelled else { return nil }
      // Closing a session ends its call as cancelled, too: this then throws `.closed`.
      try session.clearCancel()
      // What was held back is of this text only if that has begun.
      return Session.Step(id: -1, text: begun ? try session.flush() : "", finishReason: .cancelled)
    }
  }

  private func compute() async throws -> Session.Step {
    if let prompt = prompt.take() {
      let (limits, grammar, hideToolCalls) = (limits, grammar, hideToolCalls)
      try await session.computing { session in
        if let ids = try prompt(session.model) { try session.prompt(ids) }
        try session.setLimits(limits)
        try session.hideToolCalls(hideToolCalls)
        try session.setGrammar(grammar)
      }
      begun = true
    }
    return try await session.computing { session in try session.next() }
  }
}

extension Optional {
  fileprivate mutating func take() -> Wrapped? {
    defer { self = nil }
    return self
  }
}

extension Session {
  /// What becomes the context, nil for what it is already; asked for when the first step is.
  typealias Prompt = @Sendable (Model) throws -> [Int32]?

  /// Is given the text and its ids when it has ended by itself.
  typealias OnFinish = @Sendable (String, [Int32]) throws -> Void

  /// Makes a text the context, as `prompt` does it, and streams what follows.
  public func generate(
    _ text: String, maxNewTokens: Int? = nil, minNewTokens: Int = 0, stop: [String] = [], jsonSchema: String? = nil,
    grammar: String? = nil
  ) -> AsyncThrowingStream<Step, Error> {
    stream(
      { try $0.tokenize(text) }, Limits(stop: stop, minNewTokens: minNewTokens, maxNewTokens: maxNewTokens),
      Grammar(jsonSchema: jsonSchema, grammar: grammar))
  }

  /// Makes ids the context, as `prompt` does it, and streams what follows: a step for each token, and a last one with the
  /// reason why the text ended.
  ///
  ///     for try await step in session.generate(try model.chat(messages)) { print(step.text, terminator: "") }
  ///
  /// Each step is computed when it is asked for. Cancelling the consuming task ends the stream within one token, without
  /// a last step, and the context keeps what was run.
  ///
  /// - Parameters:
  ///   - ids: the prompt from its first token on; nil goes on from the context.
  ///   - maxNewTokens: tokens at most; nil goes on until the text ends or the context is full.
  ///   - minNewTokens: until there are so many, no stop token is chosen and no stop string looked for.
  ///   - stop: strings that the text ends before.
  ///   - jsonSchema: a schema that the text must satisfy as JSON.
  ///   - grammar: a grammar in llama.cpp's GBNF that the text must be of; not beside `jsonSchema`.
  public func generate(
    _ ids: [Int32]? = nil, maxNewTokens: Int? = nil, minNewTokens: Int = 0, stop: [String] = [],
    jsonSchema: String? = nil, grammar: String? = nil
  ) -> AsyncThrowingStream<Step, Error> {
    stream(
      { _ in ids }, Limits(stop: stop, minNewTokens: minNewTokens, maxNewTokens: maxNewTokens),
      Grammar(jsonSchema: jsonSchema, grammar: grammar))
  }

  /// As `generate`.
  private func stream(
    _ prompt: @escaping Prompt, _ limits: Limits, _ grammar: Grammar
  ) -> AsyncThrowingStream<Step, Error> {
    let generation = Generation(self, prompt, limits, grammar, false, nil)
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
