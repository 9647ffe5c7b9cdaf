import Foundation
import Mmoe
import XCTest

@testable import MmoeApp

private struct Expected: Decodable { let artifact: String }

private func bundled() throws -> URL {
  let path = try XCTUnwrap(ProcessInfo.processInfo.environment["MMOE_EXPECTED"], "set by .ci/swift")
  let expected = try JSONDecoder().decode(Expected.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  return URL(fileURLWithPath: expected.artifact)
}

/// The app's storage, gone after the test.
private final class Storage: Sendable {
  private let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent(
    "mmoe-app-" + UUID().uuidString)
  var root: URL { folder.appendingPathComponent("artifacts") }
  var state: StateFolder { StateFolder(folder.appendingPathComponent("state")) }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Of another process, the second time.
  @MainActor func makeModel(closing: @escaping @Sendable (Conversation?) -> Void = { $0?.close() }) -> AppModel {
    AppModel(
      store: ArtifactStore(root: root), state: state,
      device: Device(name: "Test", soc: "Test", system: "Linux") { (0.5, false) },
      benchmarkText: "In the beginning God created the heaven.", close: closing)
  }

  @MainActor func makeOpenModel(closing: @escaping @Sendable (Conversation?) -> Void = { $0?.close() }) async throws
    -> AppModel
  {
    let model = makeModel(closing: closing)
    model.add(try bundled())
    await model.finished()
    XCTAssertNil(model.failure)
    return model
  }
}

/// Whether it was the main thread, each time it is asked to look.
private final class Threads: @unchecked Sendable {
  private let lock = NSLock()
  private var seen: [Bool] = []

  func note() { lock.withLock { seen.append(Thread.isMainThread) } }

  var noted: [Bool] { lock.withLock { seen } }
}

@MainActor
private func ask(_ model: AppModel, _ text: String) async -> String {
  model.send(text)
  await model.finished()
  XCTAssertNil(model.failure)
  return model.turns.last?.answer ?? ""
}

/// XCTest on Linux calls tests outside of any actor.
private func onMain(_ body: @MainActor (Storage) async throws -> Void) async throws { try await body(Storage()) }

final class AppModelTests: XCTestCase {
  func testAPickedFolderIsCopiedAndOpened() async throws {
    try await onMain { storage in
      let model = storage.makeModel()
      XCTAssertFalse(model.canSend)
      model.add(try bundled())
      XCTAssertEqual(model.phase, .copying(doneBytes: 0, of: 0))
      await model.finished()
      XCTAssertNil(model.failure)
      XCTAssertEqual(model.artifacts.map(\.name), ["artifact"])
      XCTAssertEqual(model.opened?.processor, .cpu)
      XCTAssertTrue(model.canSend)
      XCTAssertEqual(ArtifactStore(root: storage.root).list().count, 1)
    }
  }

  func testAFolderThatIsNoArtifactIsRefused() async throws {
    try await onMain { storage in
      let model = storage.makeModel()
      model.add(URL(fileURLWithPath: NSTemporaryDirectory()))
      await model.finished()
      XCTAssertTrue(try XCTUnwrap(model.failure).contains("mmoe.json"))
      XCTAssertEqual(model.phase, .idle)
    }
  }

  func testWhatAKilledImportLeftIsRemoved() async throws {
    try await onMain { storage in
      let left = storage.root.appendingPathComponent(".partial-S")
      try FileManager.default.createDirectory(at: left, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: try bundled().appendingPathComponent("mmoe.json"), to: left.appendingPathComponent("mmoe.json"))
      let model = storage.makeModel()
      XCTAssertEqual(model.artifacts, [])
      XCTAssertFalse(FileManager.default.fileExists(atPath: left.path))
    }
  }

  func testABrokenArtifactSaysWhy() async throws {
    try await onMain { storage in
      let model = storage.makeModel()
      let copy = storage.root.appendingPathComponent("cut")
      try FileManager.default.createDirectory(at: storage.root, withIntermediateDirectories: true)
      try FileManager.default.copyItem(at: try bundled(), to: copy)
      try Data([1, 2, 3]).write(to: copy.appendingPathComponent("model.pte"))
      model.open(try XCTUnwrap(Artifact(folder: copy)))
      await model.finished()
      XCTAssertTrue(try XCTUnwrap(model.failure).contains("model.pte: has 3 bytes"))
      XCTAssertFalse(model.canSend)
    }
  }

  func testAnImportTellsHowFarItIsAndCanBeStopped() async throws {
    try await onMain { storage in
      let model = storage.makeModel()
      model.add(try bundled())
      model.stop()
      await model.finished()
      XCTAssertNil(model.failure)
      XCTAssertEqual(model.phase, .idle)
      let store = ArtifactStore(root: storage.root)
      XCTAssertEqual(store.list(), [])
      XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: storage.root.path), [])
      var told: [Int] = []
      let artifact = try store.add(try bundled()) { done, total in
        told.append(done)
        XCTAssertLessThanOrEqual(done, total)
      }
      XCTAssertEqual(told, told.sorted())
      XCTAssertGreaterThan(try XCTUnwrap(told.last), artifact.programBytes)
      XCTAssertThrowsError(try ArtifactStore(root: storage.root) { _ in 1000 }.add(try bundled())) {
        XCTAssertTrue("\($0)".contains("more than is free"), "\($0)")
      }
      XCTAssertEqual(store.list().map(\.name), ["artifact"], "the one that is there stays")
    }
  }

  func testAnswersStreamAndFiguresAppear() async throws {
    try await onMain { storage in
      let model = try await storage.makeOpenModel()
      model.send("Who art thou?")
      XCTAssertEqual(model.phase, .running)
      XCTAssertFalse(model.canSend)
      await model.finished()
      let turn = try XCTUnwrap(model.turns.first)
      XCTAssertEqual(turn.question, "Who art thou?")
      XCTAssertFalse(turn.answer.isEmpty)
      XCTAssertEqual(turn.blocks, MarkdownStream(turn.answer).blocks)
      let figures = try XCTUnwrap(turn.figures)
      XCTAssertGreaterThan(figures.stats.prefillTokensPerSecond, 0)
      XCTAssertGreaterThan(figures.memory.peakBytes, 0)
      XCTAssertGreaterThan(figures.experts.first?.reduce(0, +) ?? 0, 0)
      XCTAssertTrue(model.transcript.contains(turn.answer))
      model.newConversation()
      XCTAssertTrue(model.turns.isEmpty)
    }
  }

  func testAStoppedAnswerStaysAndTheNextTurnGoesOnFromIt() async throws {
    try await onMain { storage in
      let model = try await storage.makeOpenModel()
      model.send("Tell me everything.")
      while model.turns[0].answer.isEmpty { await Task.yield() }
      model.stop()
      await model.finished()
      XCTAssertEqual(model.phase, .idle)
      let stopped = model.turns[0]
      XCTAssertTrue(stopped.isSeen)
      let answer = await ask(model, "Go on.")
      let opened = try Model(folder: try bundled().path)
      let expected = try Session(opened).generate(
        try opened.chat([
          Message(.user, stopped.question), Message(.assistant, stopped.answer), Message(.user, "Go on."),
        ]))
      var text = ""
      for try await step in expected { text += step.text }
      XCTAssertEqual(answer, text)
    }
  }

  func testAFullContextIsToldAndDoesNotEndTheConversation() async throws {
    try await onMain { storage in
      let model = try await storage.makeOpenModel()
      model.settings.maxNewTokens = 8
      let long = String(repeating: "Tell me of the sea, of the sky and of the king of Judah. ", count: 6)
      for text in Array(repeating: long, count: 5) + ["Hi"] { _ = await ask(model, text) }
      XCTAssertGreaterThan(model.forgotten, 0)
      XCTAssertEqual(model.turns.count, 6)
      XCTAssertEqual(model.turns.map(\.isSeen), model.turns.indices.map { $0 >= model.forgotten })
      model.newConversation()
      XCTAssertEqual(model.forgotten, 0)
    }
  }

  func testAQuestionThatFailsIsNoPartOfTheConversation() async throws {
    try await onMain { storage in
      let model = try await storage.makeOpenModel()
      model.send(String(repeating: "and the sea ", count: 2000))
      await model.finished()
      XCTAssertTrue(try XCTUnwrap(model.failure).contains("tokens"))
      model.failure = nil
      XCTAssertEqual(model.turns.map(\.isSeen), [false])
      let answer = await ask(model, "Who art thou?")
      model.newConversation()
      let fresh = await ask(model, "Who art thou?")
      XCTAssertEqual(answer, fresh)
    }
  }

  func testSettingsAreKeptAndUsed() async throws {
    try await onMain { storage in
      let model = try await storage.makeOpenModel()
      let plain = await ask(model, "Who art thou?")
      model.newConversation()
      model.settings.systemPrompt = "You are a prophet."
      model.settings.sampling = SamplingChoice(Sampling(temperature: 1.5, seed: 7))
      model.settings.maxNewTokens = 12
      let drawn = await ask(model, "Who art thou?")
      XCTAssertNotEqual(drawn, plain)
      model.newConversation()
      let again = await ask(model, "Who art thou?")
      XCTAssertEqual(again, drawn, "the seed is the same")
      XCTAssertEqual(storage.makeModel().settings, model.settings)
    }
  }

  // MARK: What the system does

  func testAConversationOutlivesTheProcess() async throws {
    try await onMain { storage in
      let first = try await storage.makeOpenModel()
      let long = "Tell me of the sea, of the sky and of the king of Judah. "
      first.settings.maxNewTokens = 16
      _ = await ask(first, long + long)
      await first.enterBackground().value
      XCTAssertTrue(first.canSend, "the model stays open")
      let second = storage.makeModel()
      XCTAssertEqual(second.turns.map(\.answer), first.turns.map(\.answer))
      XCTAssertEqual(second.turns.map(\.blocks), first.turns.map(\.blocks))
      second.resume()
      await second.finished()
      first.enterForeground()
      let (here, there) = (await ask(first, "And then?"), await ask(second, "And then?"))
      XCTAssertEqual(there, here)
      let (kept, restored) = (first.turns[1].figures?.stats.prefillTokens, second.turns[1].figures?.stats.prefillTokens)
      XCTAssertEqual(restored, kept, "what the file holds is not run again")
      XCTAssertEqual(first.log.events.map(\.kind), [.background, .foreground])
      second.newConversation()
      XCTAssertEqual(storage.makeModel().turns.count, 0)
    }
  }

  func testAProcessThatEndsWithoutAWordLosesNoTurn() async throws {
    try await onMain { storage in
      let first = try await storage.makeOpenModel()
      _ = await ask(first, "Who art thou?")
      let second = storage.makeModel()
      second.resume()
      await second.finished()
      let (here, there) = (await ask(first, "And then?"), await ask(second, "And then?"))
      XCTAssertEqual(there, here)
    }
  }

  func testAnAnswerThatRunsInTheBackgroundIsSavedWhenItEnds() async throws {
    try await onMain { storage in
      let model = try await storage.makeOpenModel()
      model.send("Tell me everything.")
      await model.enterBackground().value
      XCTAssertEqual(model.phase, .idle)
      let answer = model.turns[0].answer
      XCTAssertFalse(answer.isEmpty)
      XCTAssertEqual(storage.makeModel().turns.map(\.answer), [answer])
      XCTAssertTrue(FileManager.default.fileExists(atPath: storage.state.context.path))
    }
  }

  func testTheBackgroundStopsWorkOnTheGPU() async throws {
    try await onMain { storage in
      let copy = storage.root.appendingPathComponent("gpu")
      try FileManager.default.createDirectory(at: storage.root, withIntermediateDirectories: true)
      try FileManager.default.copyItem(at: try bundled(), to: copy)
      let model = storage.makeModel()
      model.open(try XCTUnwrap(Artifact(folder: copy)))
      await model.finished()
      // The same program, as if it were of that backend.
      model.send("Tell me everything.")
      model.enterBackground(processor: .gpu)
      XCTAssertEqual(model.phase, .stopping)
      await model.finished()
      XCTAssertEqual(model.notice, .gpuPaused)
      XCTAssertTrue(model.canSend)
    }
  }

  func testLowMemoryFreesTheCacheFirstAndThenTheModel() async throws {
    try await onMain { storage in
      let threads = Threads()
      let model = try await storage.makeOpenModel { conversation in
        threads.note()
        conversation?.close()
      }
      model.settings.maxNewTokens = 12
      let first = await ask(model, "Who art thou?")
      model.memoryWarning()
      await model.finished()
      XCTAssertEqual(model.notice, .cacheFreed)
      XCTAssertTrue(model.canSend, "the model stays open")
      XCTAssertEqual(threads.noted, [false], "whether it was closed on the main thread")
      XCTAssertEqual(model.turns.map(\.answer), [first])
      // The same as of a conversation that kept its cache.
      let second = await ask(model, "And then?")
      XCTAssertNil(model.notice)
      let other = try await storage.makeOpenModel()
      other.newConversation()
      other.settings.maxNewTokens = 12
      _ = await ask(other, "Who art thou?")
      let expected = await ask(other, "And then?")
      XCTAssertEqual(second, expected)

      model.memoryWarning()
      model.memoryWarning()
      await model.finished()
      XCTAssertEqual(model.notice, .modelClosed)
      XCTAssertFalse(model.canSend)
      XCTAssertEqual(model.turns.count, 2, "the transcript stays")
      XCTAssertEqual(model.log.events.map(\.kind), [.memoryWarning, .memoryWarning, .memoryWarning])
      model.open(try XCTUnwrap(model.artifacts.first))
      await model.finished()
      _ = await ask(model, "Go on.")
      XCTAssertEqual(model.turns.count, 3)
    }
  }

  func testLowMemoryDuringAnAnswerKeepsWhatHasCome() async throws {
    try await onMain { storage in
      let model = try await storage.makeOpenModel()
      model.send("Tell me everything.")
      while model.turns[0].answer.isEmpty { await Task.yield() }
      model.memoryWarning()
      await model.finished()
      XCTAssertNil(model.failure)
      XCTAssertEqual(model.notice, .cacheFreed)
      XCTAssertTrue(model.canSend)
      XCTAssertFalse(model.turns[0].answer.isEmpty)
    }
  }

  func testHeatIsShownAndLogged() async throws {
    try await onMain { storage in
      let model = storage.makeModel()
      for state in [Thermal.fair, .fair, .serious, .nominal] { model.thermalChanged(to: state) }
      XCTAssertEqual(model.log.events.map(\.kind), [.thermal(.fair), .thermal(.serious), .thermal(.nominal)])
      XCTAssertFalse(model.thermal.throttles)
      XCTAssertTrue(Thermal.serious.throttles)
      for index in 0..<500 { model.thermalChanged(to: index % 2 == 0 ? .critical : .fair) }
      XCTAssertEqual(model.log.events.count, DeviceLog.most)
      XCTAssertEqual(Set(model.log.events.map(\.id)).count, DeviceLog.most)
    }
  }

  // MARK: Benchmark

  func testTheBenchmarkFollowsTheProtocol() async throws {
    try await onMain { storage in
      XCTAssertEqual(Benchmark.Plan().fitting(8192), [256, 1024, 4096, 8064])
      XCTAssertEqual(Benchmark.Plan().fitting(100), [])
      XCTAssertEqual(Benchmark.Plan(sustained: true).sustainedSeconds, 600)
      let model = try await storage.makeOpenModel()
      var plan = Benchmark.Plan()
      (plan.decodeTokens, plan.sustainedSeconds, plan.pointSeconds) = (4, 0.5, 0.2)
      model.thermalChanged(to: .fair)
      model.runBenchmark(plan)
      await model.finished()
      XCTAssertNil(model.failure)
      let report = try XCTUnwrap(model.report)
      XCTAssertEqual(report.tests.map(\.id), ["text 256", "templated 256"])
      for test in report.tests {
        for samples in [test.ttftSeconds, test.prefillTokensPerSecond, test.decodeTokensPerSecond] {
          XCTAssertEqual(samples.count, 3)
          XCTAssertGreaterThan(try XCTUnwrap(samples.min()), 0)
        }
      }
      XCTAssertGreaterThanOrEqual(report.sustained.count, 2)
      XCTAssertEqual(report.sustained.last?.thermalState, "fair")
      let file = try XCTUnwrap(ProcessInfo.processInfo.environment["MMOE_REPORT"], "set by .ci/swift")
      try report.json().write(to: URL(fileURLWithPath: file))  // compared with the schema there
    }
  }

  func testAStoppedBenchmarkHasNoReport() async throws {
    try await onMain { storage in
      let model = try await storage.makeOpenModel()
      model.runBenchmark(Benchmark.Plan(sustained: true))
      guard case .benchmarking = model.phase else { return XCTFail("\(model.phase)") }
      model.stop()
      await model.finished()
      XCTAssertNil(model.failure)
      XCTAssertNil(model.report)
      XCTAssertTrue(model.canSend)
    }
  }
}
