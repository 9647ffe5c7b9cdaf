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
  }

  private let session: Session
  private let tools: [String]
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
  public var leftOut: [Message] { plain(state.leftOut) }

  /// Says something and streams the answer, as `Session.generate` does.
  ///
  /// The turn becomes part of `history` when its answer has ended. One that fails, is cancelled, or is not read to its end
  /// leaves the conversation as it was. An answer that calls one of the tools becomes a turn with `toolCalls`, see `turns`;
  /// its steps show the text beside the calls only.
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
    let turn = Turn(turns + messages)
    let limits = Limits(stop: stop, minNewTokens: minNewTokens, maxNewTokens: maxNewTokens)
    let restricted = Grammar(jsonSchema: jsonSchema, grammar: grammar)
    let (tools, whenFull) = (tools, whenFull)
    let room = min(maxNewTokens ?? answerRoom, answerRoom)
    let prompt: Session.Prompt = { model in
      if whenFull == .refuse { return try model.chat(turn.messages, tools: tools) }
      let conversation = conversationJSON(turn.messages, tools: tools)
      let fitted = try model.chatFit(conversation, mostIDs: model.info.maxContextLen - room)
      turn.leaveOut(fitted.leftOut)
      return fitted.ids
    }
    let keep: Session.OnFinish = { [weak self] text, ids in
      guard let self else { return }
      let called = tools.isEmpty ? nil : try session.model.toolCalls(ids)
      let answer = called.flatMap { $0.toolCalls.isEmpty ? nil : $0 } ?? Message(.assistant, text)
      update { state in
        state.turns = turn.messages + [answer]
        state.leftOut = turn.leftOut
      }
    }
    return session.stream(prompt, limits, restricted, hideToolCalls: !tools.isEmpty, onFinish: keep)
  }

  /// Forgets all turns but the system message.
  public func reset() throws {
    try session.reset()
    update { $0 = State(opening: $0.opening, turns: $0.opening) }
  }

  /// Goes on from other turns; a system message in front of them is what `reset` keeps. What the context holds of them
  /// already is not run again.
  /// - Throws: `.invalidArgument` if the artifact's template refuses them.
  public func restore(_ turns: [Message]) throws {
    _ = try session.model.chat(turns + [Message(.user, "")], tools: tools)
    update { $0 = State(opening: turns.prefix(1).filter { $0.role == .system }, turns: turns) }
  }

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

  private func update(_ change: (inout State) -> Void) {
    lock.wait()
    defer { lock.signal() }
    change(&unlockedState)
  }
}

private func plain(_ turns: [Message]) -> [Message] { turns.map { Message($0.role, $0.content) } }

/// The messages of a turn that is under way: its stream works on one thing at a time.
private final class Turn: @unchecked Sendable {
  private(set) var messages: [Message]
  private(set) var leftOut: [Message] = []

  init(_ messages: [Message]) { self.messages = messages }

  /// Of the oldest behind the system messages in front.
  func leaveOut(_ count: Int) {
    let first = messages.prefix { $0.role == .system }.count
    leftOut = Array(messages[first..<first + count])
    messages.removeSubrange(first..<first + count)
  }
}
