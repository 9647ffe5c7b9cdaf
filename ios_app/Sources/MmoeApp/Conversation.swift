import Foundation
import Mmoe

/// The model's side of a transcript: by the artifact's chat template, or, without one, a text that each message is appended to.
/// What does not fit any more is left out, the oldest first.
final class Conversation: Sendable {
  private enum Kind {
    case chat(Chat)
    case plain(Session, [Turn])
  }

  /// Tokens that an answer has room for at least, if the context is twice as long.
  private static let answerRoom = 256

  private let kind: Kind
  private let sampling: Sampling

  /// - Parameter turns: what has been said already; those that the model does not see are passed over.
  init(_ model: Model, _ settings: ChatSettings, _ turns: [Turn]) throws {
    let seen = turns.filter(\.isSeen)
    sampling = settings.sampling?.sampling ?? model.sampling
    guard model.info.hasChat else {
      kind = .plain(try Session(model, sampling: sampling), seen)
      return
    }
    let system = settings.systemPrompt.isEmpty ? [] : [Message(.system, settings.systemPrompt)]
    let chat = try Chat(model, sampling: sampling, whenFull: .dropOldest, answerRoom: Self.answerRoom)
    try chat.restore(system + seen.flatMap { [Message(.user, $0.question), Message(.assistant, $0.answer)] })
    try chat.countExperts(true)
    kind = .chat(chat)
  }

  /// - Returns: the steps of the answer, and how many turns were left out for it once it has ended.
  func send(_ text: String, _ settings: ChatSettings) throws -> (
    steps: AsyncThrowingStream<Session.Step, Error>, leftOut: @Sendable () -> Int
  ) {
    let most = settings.maxNewTokens > 0 ? settings.maxNewTokens : nil
    switch kind {
    case .chat(let chat):
      try chat.countExperts(true)
      return (chat.send(text, maxNewTokens: most), { chat.leftOut.filter { $0.role == .user }.count })
    case .plain(let session, let turns):
      let (ids, leftOut) = try Self.fit(session.model, turns, text)
      try session.countExperts(true)
      return (session.generate(ids, maxNewTokens: most), { leftOut })
    }
  }

  private static func fit(_ model: Model, _ turns: [Turn], _ text: String) throws -> (ids: [Int32], leftOut: Int) {
    let most = model.info.maxContextLen - min(answerRoom, model.info.maxContextLen / 2)
    for first in 0...turns.count {
      let ids = try model.tokenize(turns[first...].map { $0.question + $0.answer }.joined() + text)
      if ids.count <= most || first == turns.count { return (ids, first) }
    }
    return ([], 0)
  }

  /// Whether the conversation itself knows what an answer was; otherwise it is to be made anew of the transcript.
  var remembers: Bool { if case .chat = kind { true } else { false } }

  func figures(_ info: Model.Info) throws -> Figures {
    let (stats, experts) =
      switch kind {
      case .chat(let chat): (try chat.stats(), try chat.expertCounts())
      case .plain(let session, _): (try session.stats(), try session.expertCounts())
      }
    return Figures(
      stats: stats, memory: try Memory.now(), loadSeconds: info.loadSeconds, threads: info.threads, experts: experts)
  }

  func save(to file: URL) throws {
    switch kind {
    case .chat(let chat): try chat.save(to: file.path)
    case .plain(let session, _): try session.save(to: file.path)
    }
  }

  func restore(from file: URL) throws {
    switch kind {
    case .chat(let chat):
      try chat.restore(chat.turns, snapshot: file.path)
      // The file has the sampling of its time.
      try chat.setSampling(sampling)
    case .plain(let session, _):
      try session.restore(from: file.path)
      try session.setSampling(sampling)
    }
  }

  /// Ends what runs and frees the context; it blocks for the chunk of a prompt.
  func close() {
    switch kind {
    case .chat(let chat): chat.close()
    case .plain(let session, _): session.close()
    }
  }
}
