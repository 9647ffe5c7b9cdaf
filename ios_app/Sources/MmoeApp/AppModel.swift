import Foundation
import Mmoe
import MmoeDownload
import Observation

/// What the screens show and what their buttons do: one model, one conversation, one thing at a time.
@MainActor @Observable
public final class AppModel {
  public enum Phase: Equatable, Sendable {
    case idle
    case copying(doneBytes: Int, of: Int)
    case loading
    case running
    case stopping
    case benchmarking(Benchmark.Progress)
  }

  /// What the app did by itself, to be told once.
  public enum Notice: Equatable, Sendable {
    case cacheFreed
    case modelClosed
    case gpuPaused
  }

  public private(set) var artifacts: [Artifact] = []
  public private(set) var opened: Artifact?
  public private(set) var info: Model.Info?
  public private(set) var phase: Phase = .idle
  public private(set) var turns: [Turn]
  public private(set) var thermal = Thermal.nominal
  public private(set) var log = DeviceLog()
  public private(set) var report: Benchmark.Report?
  public private(set) var notice: Notice?
  /// What went wrong last, for an alert; setting it to nil dismisses it.
  public var failure: String?
  /// A change takes effect with the next answer; another system prompt with the next conversation.
  public var settings: ChatSettings {
    didSet { if settings != oldValue { settingsChanged(from: oldValue) } }
  }

  public private(set) var downloads: Downloads!

  /// Of a program's pages at most in memory for its load to be a cold one.
  private static let coldShare = 0.05

  private let store: ArtifactStore
  private let state: StateFolder
  private let device: Device
  private let benchmarkText: String
  private let close: @Sendable (Conversation?) -> Void
  private var model: Model?
  private var conversation: Conversation?
  private var saved: SavedConversation?
  private var isColdLoad = false
  private var isInBackground = false
  private var work: Task<Void, Never>?
  private var closing: Task<Void, Never>?

  public convenience init(store: ArtifactStore, state: StateFolder, device: Device, benchmarkText: String) {
    // Downloads go on while the app is suspended.
    let transfer = DownloadTransfer.system(identifier: "org.mmoe.downloads", inbox: state.downloads)
    self.init(
      store: store, state: state, device: device, benchmarkText: benchmarkText, transfer: transfer,
      close: { $0?.close() })
  }

  /// - Parameter close: for tests that look where and when it is called.
  init(
    store: ArtifactStore, state: StateFolder, device: Device, benchmarkText: String,
    transfer: DownloadTransfer = .streamed, close: @escaping @Sendable (Conversation?) -> Void
  ) {
    (self.store, self.state, self.device, self.benchmarkText, self.close) = (store, state, device, benchmarkText, close)
    settings = ChatSettings(file: state.settings) ?? ChatSettings()
    let left = state.load()
    (saved, turns) = (left, left?.turns ?? [])
    artifacts = store.list()
    downloads = Downloads(root: store.root, transfer: transfer) { [weak self] in
      self?.artifacts = store.list()
    }
  }

  public var canSend: Bool { model != nil && phase == .idle }

  /// What the sheet begins with when a user takes sampling into their own hands.
  public var recommendedSampling: SamplingChoice { SamplingChoice(model?.sampling ?? Sampling()) }

  /// Turns at the beginning that the model does not see any more.
  public var forgotten: Int { turns.prefix { !$0.isSeen }.count }

  /// All of it, to be shared.
  public var transcript: String {
    turns.map { "**\($0.question)**\n\n\($0.answer)\n" }.joined(separator: "\n")
  }

  /// Opens the model of the conversation that the last process left, if there is one.
  public func resume() {
    guard model == nil, let saved, let artifact = artifacts.first(where: { $0.name == saved.artifact }) else { return }
    open(artifact)
  }

  /// Copies a folder into the app's storage and opens it.
  public func add(_ folder: URL) {
    guard phase == .idle else { return }
    phase = .copying(doneBytes: 0, of: 0)
    let store = store
    work = Task {
      do {
        let artifact = try await Self.offMainActor {
          try store.add(folder) { done, total in
            Task { @MainActor [weak self] in self?.copied(done, of: total) }
          }
        }
        artifacts = store.list()
        await load(artifact)
      } catch is CancellationError {
        // Stopped by the user.
      } catch {
        failure = "\(error)"
      }
      phase = .idle
    }
  }

  public func open(_ artifact: Artifact) {
    guard phase == .idle else { return }
    phase = .loading
    work = Task {
      await load(artifact)
      phase = .idle
    }
  }

  public func delete(_ artifact: Artifact) {
    guard phase == .idle else { return }
    if opened == artifact { closeModel() }
    let (store, closing) = (store, closing)
    work = Task {
      await closing?.value
      do { try await Self.offMainActor { try store.delete(artifact) } } catch { failure = "\(error)" }
      artifacts = store.list()
    }
  }

  public func send(_ text: String) {
    guard let model, let opened, canSend, !text.isEmpty else { return }
    let before = turns
    turns.append(Turn(id: (turns.last?.id ?? -1) + 1, question: text))
    phase = .running
    notice = nil
    work = Task {
      await answer(text, model, before)
      keep(opened)
      if isInBackground { await saveContext() }
      phase = .idle
    }
  }

  public func stop() {
    switch phase {
    case .running, .benchmarking, .copying:
      phase = .stopping
      work?.cancel()
    case .idle, .loading, .stopping: break
    }
  }

  public func newConversation() {
    guard phase == .idle else { return }
    forget()
  }

  // MARK: What the system does

  /// The system wants memory back: the context can be made again from the transcript, the model be opened again, the app not.
  public func memoryWarning() {
    log.note(.memoryWarning)
    guard model != nil else { return }
    var hasCache = conversation != nil
    switch phase {
    case .running, .benchmarking, .stopping: hasCache = true
    case .idle, .copying, .loading: break
    }
    // What is copied goes on: it holds nothing of them, and would have to be begun again.
    if case .copying = phase {} else { stop() }
    if hasCache { closeConversation() } else { closeModel() }
    notice = hasCache ? .cacheFreed : .modelClosed
  }

  /// The model stays open: iOS ends an app whose memory it needs, and this one goes on from what it saves here.
  /// - Returns: when it is saved.
  @discardableResult
  public func enterBackground() -> Task<Void, Never> { enterBackground(processor: opened?.processor) }

  @discardableResult
  func enterBackground(processor: Artifact.Processor?) -> Task<Void, Never> {
    isInBackground = true
    log.note(.background)
    if processor == .gpu {
      // What computes on the GPU in the background is ended by the system.
      switch phase {
      case .running, .benchmarking:
        stop()
        notice = .gpuPaused
      case .idle, .copying, .loading, .stopping: break
      }
    }
    let work = work
    return Task {
      if phase == .idle { await saveContext() } else { await work?.value }
    }
  }

  public func enterForeground() {
    guard isInBackground else { return }
    isInBackground = false
    log.note(.foreground)
  }

  public func thermalChanged(to state: Thermal) {
    guard state != thermal else { return }
    thermal = state
    log.note(.thermal(state))
  }

  // MARK: Benchmark

  public func runBenchmark(_ plan: Benchmark.Plan) {
    guard let model, let opened, canSend else { return }
    report = nil
    phase = .benchmarking(Benchmark.Progress())
    // Two contexts at once might not fit, and would count as memory.
    closeConversation()
    let (device, text, closing) = (device, benchmarkText, closing)
    let cold = isColdLoad ? model.info.loadSeconds : nil
    let conditions: @Sendable () async -> Benchmark.Conditions = { [weak self] in
      await self?.conditions() ?? Benchmark.Conditions()
    }
    work = Task {
      await closing?.value
      do {
        let run = BenchmarkRun(
          model: model, artifact: opened, text: text, plan: plan, coldLoadSeconds: cold, conditions: conditions)
        report = try await run.report(device: device) { [weak self] progress in
          if case .benchmarking = self?.phase { self?.phase = .benchmarking(progress) }
        }
      } catch is CancellationError {
        // There is no report.
      } catch let error as MmoeError where error.code == .cancelled || error.code == .closed {
        // The same.
      } catch {
        failure = "\(error)"
      }
      phase = .idle
    }
  }

  private func conditions() -> Benchmark.Conditions {
    Benchmark.Conditions(
      thermalState: device.knowsThermal ? thermal.name : nil, batteryLevel: device.battery().level,
      charging: device.battery().charging)
  }

  /// Waits until what was started is over.
  public func finished() async {
    await work?.value
    await closing?.value
  }

  // MARK: Inside

  private func answer(_ text: String, _ model: Model, _ before: [Turn]) async {
    let index = turns.count - 1
    var hasEnded = false
    do {
      let current: Conversation
      if let conversation { current = conversation } else { current = try await begin(model, before) }
      let answer = try current.send(text, settings)
      for try await step in answer.steps {
        turns[index].append(step.text)
        hasEnded = step.finishReason != nil && step.finishReason != .cancelled
      }
      var left = answer.leftOut()
      for earlier in turns.indices where hasEnded && left > 0 && turns[earlier].isSeen && earlier < index {
        turns[earlier].isSeen = false
        left -= 1
      }
      turns[index].figures = try? current.figures(model.info)
      // It has no part of an answer that was stopped, and the user sees it.
      if !hasEnded || !current.remembers { closeConversation() }
    } catch let error as MmoeError where error.code == .cancelled || error.code == .closed {
      // Stopped by the user, or closed to give memory back; the answer so far stays.
    } catch {
      failure = "\(error)"
    }
    if !hasEnded, turns[index].answer.isEmpty { turns[index].isSeen = false }
  }

  private func begin(_ model: Model, _ turns: [Turn]) async throws -> Conversation {
    let (settings, context) = (settings, state.context)
    await closing?.value
    let begun = try await Self.offMainActor {
      let conversation = try Conversation(model, settings, turns)
      // Of another version of the program it is refused, and the tokens are run again.
      if !turns.isEmpty { try? conversation.restore(from: context) }
      return conversation
    }
    conversation = begun
    return begun
  }

  private func load(_ artifact: Artifact) async {
    closeModel()
    phase = .loading
    // Two models at once might not fit.
    await closing?.value
    let threads = settings.threads
    do {
      let (model, resident) = try await Self.offMainActor {
        let resident = residentShare(of: artifact.program)
        return (try Model(folder: artifact.folder.path, threads: threads), resident)
      }
      (self.model, opened, info, notice) = (model, artifact, model.info, nil)
      isColdLoad = resident.map { $0 < Self.coldShare } ?? false
      // A conversation is one model's.
      if let saved, saved.artifact != artifact.name { forget() }
    } catch {
      failure = "\(error)"
    }
  }

  private func forget() {
    (turns, saved, notice) = ([], nil, nil)
    closeConversation()
    state.clear()
  }

  private func keep(_ artifact: Artifact) {
    let saved = SavedConversation(artifact: artifact.name, turns)
    self.saved = saved
    do { try state.save(saved) } catch { failure = "\(error)" }
  }

  private func saveContext() async {
    guard let conversation else { return }
    let file = state.context
    // Without it the tokens are run again.
    try? await Self.offMainActor {
      try conversation.save(to: file)
      try excludeFromBackup(file)
    }
  }

  private func copied(_ done: Int, of total: Int) {
    if case .copying = phase { phase = .copying(doneBytes: done, of: total) }
  }

  private func settingsChanged(from old: ChatSettings) {
    do { try settings.write(to: state.settings) } catch { failure = "\(error)" }
    // Made anew of the transcript, with the new ones.
    if phase == .idle, old.sampling != settings.sampling || old.systemPrompt != settings.systemPrompt {
      closeConversation()
    }
  }

  /// Not on the main actor: closing waits for the chunk of a prompt that is being run.
  private func closeConversation() {
    guard let conversation else { return }
    self.conversation = nil
    let (close, before) = (close, closing)
    closing = Task.detached(priority: .userInitiated) {
      await before?.value
      close(conversation)
    }
  }

  private func closeModel() {
    closeConversation()
    let (before, model) = (closing, model)
    (self.model, opened, info) = (nil, nil, nil)
    closing = Task.detached(priority: .userInitiated) {
      await before?.value
      model?.close()
    }
  }

  private static func offMainActor<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws
    -> Result
  {
    let task = Task.detached(priority: .userInitiated) { try body() }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }
}
