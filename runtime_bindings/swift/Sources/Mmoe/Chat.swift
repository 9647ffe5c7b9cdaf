import Dispatch

/// What a turn does that does not fit into the context behind all the others.
public enum WhenFull: String, Sendable {
  /// It fails, and the conversation stays as it was.
  case refuse
  /// The oldest turns behind the system message are left out, as few as possible.
  case dropOldest = "drop_oldest"
}

/// A conversation by the artifact's chat template, in a session of its own. What the session's context holds of it already
/// is not run again, so a turn costs its own tokens only.
///
///     let chat = try Chat(model, system: "Be brief.")
///     for try await step in chat.send("Why is the sky blue?") { print(step.text, terminator: "") }
public final class Chat: @unchecked Sendable {
  private struct State {
    var opening: [Message]
    var turns: [Message]
    var leftOut: [Message] = []
    var isAnswering = false
  }

  fileprivate let session: Session
  fileprivate let tools: [String]
  private let whenFull: WhenFull
  private let answerRoom: Int
  private let lock = DispatchSemaphore(value: 1)
  private var unlockedState: State

  /// - Parameters:
  ///   - system: what the conversation begins with, if anything.
  ///   - sampling: how to choose tokens; nil for what the artifact recommends.
  ///   - tools: what the assistant may call, each as the JSON schema of a function.
  ///   - whenFull: what a turn does that does not fit.
  ///   - answerRoom: with `.dropOldest`, tokens that an answer has room for at least: of `maxNewTokens` and half the context,
  ///     the least.
  /// - Throws: `.unsupported` if the artifact has no chat template.
  public init(
    _ model: Model, system: String? = nil, sampling: Sampling? = nil, tools: [String] = [],
    whenFull: WhenFull = .refuse, answerRoom: Int = 256
  ) throws {
    guard answerRoom >= 0 else {
      throw MmoeError(code: .invalidArgument, message: "answerRoom must not be negative, not \(answerRoom)")
    }
    let opening = system.map { [Message(.system, $0)] } ?? []
    unlockedState = State(opening: opening, turns: opening)
    self.tools = tools
    self.whenFull = whenFull
    self.answerRoom = min(answerRoom, model.info.maxContextLen / 2)
    // A model without a template should say so before somebody types.
    _ = try model.chat(opening + [Message(.user, "")], tools: tools)
    session = try Session(model, sampling: sampling)
  }

  /// The turns so far as the template is given them, calls of tools and their results among them.
  public var turns: [Message] { state.turns }

  /// The turns so far, the system message first: their roles and texts.
  public var history: [Message] { plain(turns) }

  /// What the last turn left out to make room, the oldest first; it is no longer in `history`.
  public var leftOut: [Message] { state.leftOut }

  /// Says something and streams the answer, as `Session.generate` does.
  ///
  /// The turn begins when its first step is asked for. It becomes part of `history` when its answer has ended; one that fails,
  /// is cancelled, or whose stream is let go before leaves the conversation as it was. Until then another one fails with
  /// `.busy`, and so do `reset` and `restore`. An answer that calls one of the tools becomes a turn with `toolCalls`, see
  /// `turns`; its steps show the text beside the calls only.
  public func send(
    _ text: String, maxNewTokens: Int? = nil, minNewTokens: Int = 0, stop: [String] = [], jsonSchema: String? = nil,
    grammar: String? = nil
  ) -> AsyncThrowingStream<Session.Step, Error> {
    send(
      [Message(.user, text)], maxNewTokens: maxNewTokens, minNewTokens: minNewTokens, stop: stop,
      jsonSchema: jsonSchema, grammar: grammar)
  }

  /// The same for other messages, such as the results of the tools that the last answer called.
  public func send(
    _ messages: [Message], maxNewTokens: Int? = nil, minNewTokens: Int = 0, stop: [String] = [],
    jsonSchema: String? = nil, grammar: String? = nil
  ) -> AsyncThrowingStream<Session.Step, Error> {
    let limits = Limits(stop: stop, minNewTokens: minNewTokens, maxNewTokens: maxNewTokens)
    let turn = Turn(self, messages, limits, Grammar(jsonSchema: jsonSchema, grammar: grammar))
    return AsyncThrowingStream { try await turn.next() }
  }

  /// Forgets all turns but the system message.
  /// - Throws: `.busy` while a turn runs.
  public func reset() throws {
    try change {
      try session.reset()
      $0 = State(opening: $0.opening, turns: $0.opening)
    }
  }

  /// Goes on from other turns; a system message in front of them is what `reset` keeps. What the context holds of them
  /// already is not run again.
  /// - Throws: `.invalidArgument` if the artifact's template refuses them, `.busy` while a turn runs.
  public func restore(_ turns: [Message]) throws { try restore(turns) { _ in } }

  /// Writes the context to a file, see `Session.save`; the `turns` are for the caller to keep.
  /// - Throws: `.busy` while a turn runs.
  public func save(to path: String) throws { try change { _ in try session.save(to: path) } }

  /// Goes on from a conversation whose `turns` and file were kept: the next turn runs its own tokens only. The sampling is that
  /// of the file. Of another conversation its context is of no use and does no harm.
  /// - Throws: `.corrupt` or `.version` for any other file, `.invalidArgument` if the template refuses the turns, `.busy` while
  ///   a turn runs; the conversation is what it was.
  public func restore(_ turns: [Message], snapshot path: String) throws {
    try restore(turns) { try $0.restore(from: path) }
  }

  private func restore(_ turns: [Message], _ context: (Session) throws -> Void) throws {
    _ = try session.model.chat(turns + [Message(.user, "")], tools: tools)
    try change {
      try context(session)
      $0 = State(opening: turns.prefix(1).filter { $0.role == .system }, turns: turns)
    }
  }

  /// Samples the next turns so.
  /// - Throws: `.busy` while a turn runs.
  public func setSampling(_ sampling: Sampling) throws { try change { _ in try session.setSampling(sampling) } }

  /// As `Session.countExperts`.
  public func countExperts(_ on: Bool) throws { try session.countExperts(on) }

  /// As `Session.expertCounts`.
  public func expertCounts() throws -> [[UInt64]] { try session.expertCounts() }

  /// Counts and times of the last turn.
  public func stats() throws -> Stats { try session.stats() }

  /// Ends the running turn, or the next one if none runs; from any thread.
  public func cancel() { session.cancel() }

  /// Ends a turn that runs and frees the context; a second time does nothing.
  public func close() { session.close() }

  private var state: State {
    lock.wait()
    defer { lock.signal() }
    return unlockedState
  }

  /// Changes a conversation that no turn is under way in.
  private func change(_ change: (inout State) throws -> Void) throws {
    lock.wait()
    defer { lock.signal() }
    guard !unlockedState.isAnswering else {
      throw MmoeError(code: .busy, message: "a turn of this conversation is running")
    }
    try change(&unlockedState)
  }

  /// Between two tokens of a turn the session is free, and another turn would answer in its place.
  /// - Returns: the turns that it goes on from.
  fileprivate func begin() throws -> [Message] {
    try change { $0.isAnswering = true }
    return turns
  }

  fileprivate func end() {
    lock.wait()
    unlockedState.isAnswering = false
    lock.signal()
  }

  fileprivate func keep(_ turns: [Message], leftOut: [Message]) {
    lock.wait()
    (unlockedState.turns, unlockedState.leftOut) = (turns, leftOut)
    lock.signal()
  }

  /// The ids of a conversation, and how many of its oldest messages behind the system's they leave out.
  fileprivate func prompt(_ messages: [Message], _ limits: Limits) throws -> (ids: [Int32], leftOut: Int) {
    let model = session.model
    if whenFull == .refuse { return (try model.chat(messages, tools: tools), 0) }
    let room = min(limits.maxNewTokens ?? answerRoom, answerRoom)
    return try model.chatFit(
      conversationJSON(messages, tools: tools), mostIDs: model.info.maxContextLen - room)
  }

  fileprivate func answer(_ text: String, _ ids: [Int32]) throws -> Message {
    let called = tools.isEmpty ? nil : try session.model.toolCalls(ids)
    return called.flatMap { $0.toolCalls.isEmpty ? nil : $0 } ?? Message(.assistant, text)
  }
}

private func plain(_ turns: [Message]) -> [Message] { turns.map { Message($0.role, $0.content) } }

/// One turn of a conversation, which has it from its first step until its end; its stream works on one thing at a time.
private final class Turn: @unchecked Sendable {
  private let chat: Chat
  private let said: [Message]
  private let limits: Limits
  private let grammar: Grammar
  private var generation: Generation?
  private var messages: [Message] = []
  private var leftOut: [Message] = []
  private var isOver = false

  init(_ chat: Chat, _ said: [Message], _ limits: Limits, _ grammar: Grammar) {
    (self.chat, self.said, self.limits, self.grammar) = (chat, said, limits, grammar)
  }

  deinit { end() }

  func next() async throws -> Session.Step? {
    guard !isOver else { return nil }
    do {
      let step = try await (try generation ?? begin()).next()
      if step?.finishReason != nil || step == nil { end() }
      return step
    } catch {
      end()
      throw error
    }
  }

  private func begin() throws -> Generation {
    do { messages = try chat.begin() + said } catch {
      isOver = true  // another turn has the conversation
      throw error
    }
    let begun = Generation(
      chat.session, { [unowned self] _ in try prompt() }, limits, grammar, !chat.tools.isEmpty,
      { [unowned self] in chat.keep(messages + [try chat.answer($0, $1)], leftOut: plain(leftOut)) })
    generation = begun
    return begun
  }

  private func prompt() throws -> [Int32] {
    let fitted = try chat.prompt(messages, limits)
    let first = messages.prefix { $0.role == .system }.count
    leftOut = Array(messages[first..<first + fitted.leftOut])
    messages.removeSubrange(first..<first + fitted.leftOut)
    return fitted.ids
  }

  private func end() {
    if generation != nil, !isOver { chat.end() }
    isOver = true
  }
}
