import Foundation
import Mmoe
import Observation

/// What the screens show and what their buttons do.
@MainActor @Observable
public final class AppModel {
  public enum Phase: Equatable, Sendable {
    case idle
    case copying
    case loading
    case running
    case stopping
    case benchmarking(done: Int, of: Int)
  }

  public struct Figures: Equatable, Sendable {
    public let stats: Stats
    public let memory: Memory
  }

  public private(set) var artifacts: [Artifact] = []
  public private(set) var opened: Artifact?
  public private(set) var info: Model.Info?
  public private(set) var phase: Phase = .idle
  public private(set) var messages: [Message] = []
  /// The oldest messages that the model does not see any more, because the context is full.
  public private(set) var leftOut = 0
  public private(set) var figures: Figures?
  public private(set) var report: Benchmark.Report?
  /// What went wrong last, for an alert; setting it to nil dismisses it.
  public var failure: String?

  public private(set) var downloads: Downloads!

  private let store: ArtifactStore
  private let benchmarkText: String
  private let closeSession: @Sendable (Session) -> Void
  private var session: Session?
  private var work: Task<Void, Never>?
  private var closing: Task<Void, Never>?

  public init(
    store: ArtifactStore, benchmarkText: String, closeSession: @escaping @Sendable (Session) -> Void = { $0.close() }
  ) {
    self.store = store
    self.benchmarkText = benchmarkText
    self.closeSession = closeSession
    artifacts = store.list()
    downloads = Downloads(root: store.root) { [weak self] in self?.artifacts = store.list() }
  }

  public var canSend: Bool { session != nil && phase == .idle }

  /// Copies a folder into the app's storage and opens it.
  public func add(_ folder: URL) {
    guard phase == .idle else { return }
    phase = .copying
    let store = store
    work = Task {
      do {
        let artifact = try await Self.offMainActor { try store.add(folder) }
        artifacts = store.list()
        await load(artifact, threads: 0)
      } catch {
        failure = "\(error)"
      }
      phase = .idle
    }
  }

  public func open(_ artifact: Artifact, threads: Int = 0) {
    guard phase == .idle else { return }
    phase = .loading
    work = Task {
      await load(artifact, threads: threads)
      phase = .idle
    }
  }

  public func send(_ text: String) {
    guard let session, canSend, !text.isEmpty else { return }
    messages += [Message(.user, text), Message(.assistant, "")]
    phase = .running
    work = Task {
      do {
        let prompt = try Self.prompt(Array(messages.dropLast()), session.model)
        leftOut = prompt.leftOut
        let ids = try session.model.info.hasChat ? prompt.ids : session.model.tokenize(text)
        for try await step in session.generate(ids) { messages[messages.count - 1].content += step.text }
      } catch let error as MmoeError where error.code == .cancelled || error.code == .closed {
        // Stopped by the user, or closed to give memory back; the answer so far stays.
      } catch {
        failure = "\(error)"
      }
      settle(session)
    }
  }

  public func stop() {
    guard phase != .idle, phase != .loading, phase != .copying else { return }
    phase = .stopping
    work?.cancel()
  }

  public func newConversation() {
    guard canSend else { return }
    messages = []
    leftOut = 0
    try? session?.reset()
  }

  /// The system wants memory back: the model can be opened again, the app cannot.
  public func releaseMemory() {
    guard session != nil else { return }
    stop()
    close()
    failure = "The model was closed because memory ran low. Open it again, or choose a smaller one."
  }

  public func runBenchmark() {
    guard let session, let opened, canSend else { return }
    let lengths = Benchmark.lengths(context: session.model.info.maxContextLen)
    phase = .benchmarking(done: 0, of: lengths.count)
    report = nil
    work = Task {
      do {
        let text = try session.model.tokenize(benchmarkText)
        var tests: [Benchmark.Test] = []
        for length in lengths where !Task.isCancelled {
          tests.append(try await measure(session, Benchmark.prompt(text, length: length)))
          phase = .benchmarking(done: tests.count, of: lengths.count)
        }
        if tests.count == lengths.count { report = try makeReport(opened, session.model.info, tests) }
      } catch let error as MmoeError where error.code == .cancelled || error.code == .closed {
        // The same; there is no report.
      } catch {
        failure = "\(error)"
      }
      messages = []
      try? session.reset()
      settle(session)
    }
  }

  /// Waits until what was started is over.
  public func finished() async {
    await work?.value
    await closing?.value
  }

  private func load(_ artifact: Artifact, threads: Int) async {
    close()
    phase = .loading
    // Two models at once might not fit.
    await closing?.value
    do {
      let session = try await Self.offMainActor {
        try Session(try Model(folder: artifact.folder.path, threads: threads))
      }
      (self.session, opened, info) = (session, artifact, session.model.info)
      (messages, leftOut) = ([], 0)
    } catch {
      failure = "\(error)"
    }
  }

  /// Not on the main actor: closing waits for the chunk of a prompt that is being run.
  private func close() {
    if let session {
      let closeSession = closeSession
      closing = Task.detached(priority: .userInitiated) { closeSession(session) }
    }
    (session, opened, info, figures) = (nil, nil, nil, nil)
  }

  /// The ids of a conversation, without as many of its oldest turns as it takes to leave room for an answer.
  private static func prompt(_ turns: [Message], _ model: Model) throws -> (ids: [Int32], leftOut: Int) {
    guard model.info.hasChat else { return ([], 0) }
    let room = min(256, model.info.maxContextLen / 2)
    // A turn is a message and its answer: none is left without its question.
    for first in stride(from: 0, to: turns.count, by: 2) {
      let ids = try model.chat(Array(turns[first...]))
      if ids.count + room <= model.info.maxContextLen { return (ids, first) }
    }
    return (try model.chat(Array(turns.suffix(1))), turns.count - 1)
  }

  private func measure(_ session: Session, _ prompt: [Int32]) async throws -> Benchmark.Test {
    try session.reset()
    for try await _ in session.generate(prompt, maxNewTokens: Benchmark.decodeTokens) {}
    let stats = try session.stats()
    return Benchmark.Test(
      promptTokens: prompt.count, ttftSeconds: stats.ttftSeconds,
      prefillTokensPerSecond: stats.prefillTokensPerSecond,
      decodeTokensPerSecond: stats.decodeTokensPerSecond)
  }

  private func makeReport(
    _ artifact: Artifact, _ info: Model.Info, _ tests: [Benchmark.Test]
  ) throws -> Benchmark.Report {
    let memory = try Memory.now()
    return Benchmark.Report(
      model: artifact.name, processor: artifact.processor.rawValue, threads: info.threads,
      loadSeconds: info.loadSeconds, peakBytes: memory.peakBytes, peakAnonymousBytes: memory.peakAnonymousBytes,
      peakFileBytes: memory.peakFileBytes, decodeTokens: Benchmark.decodeTokens,
      tests: tests)
  }

  private func settle(_ session: Session) {
    if let stats = try? session.stats(), let memory = try? Memory.now() {
      figures = Figures(stats: stats, memory: memory)
    }
    phase = .idle
  }

  private static func offMainActor<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws
    -> Result
  {
    try await Task.detached(priority: .userInitiated) { try body() }.value
  }
}
