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
  let root = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("mmoe-app-" + UUID().uuidString)

  deinit { try? FileManager.default.removeItem(at: root) }

  @MainActor func makeModel(closing: @escaping @Sendable (Session) -> Void = { $0.close() }) -> AppModel {
    AppModel(
      store: ArtifactStore(root: root), benchmarkText: "In the beginning God created the heaven.",
      closeSession: closing)
  }
}

/// Whether it was the main thread, each time it is asked to look.
private final class Threads: @unchecked Sendable {
  private let lock = NSLock()
  private var seen: [Bool] = []

  func note() { lock.withLock { seen.append(Thread.isMainThread) } }

  var noted: [Bool] { lock.withLock { seen } }
}

/// XCTest on Linux calls tests outside of any actor.
private func onMain(_ body: @MainActor (Storage) async throws -> Void) async throws { try await body(Storage()) }

final class AppModelTests: XCTestCase {
  func testAPickedFolderIsCopiedAndOpened() async throws {
    try await onMain { storage in
      let model = storage.makeModel()
      XCTAssertFalse(model.canSend)
      model.add(try bundled())
      XCTAssertEqual(model.phase, .copying)
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

  func testAnswersStreamAndFiguresAppear() async throws {
    try await onMain { storage in
      let model = storage.makeModel()
      model.add(try bundled())
      await model.finished()
      model.send("Who art thou?")
      XCTAssertEqual(model.phase, .running)
      XCTAssertFalse(model.canSend)
      await model.finished()
      XCTAssertEqual(model.messages.count, 2)
      XCTAssertFalse(model.messages[1].content.isEmpty)
      let figures = try XCTUnwrap(model.figures)
      XCTAssertGreaterThan(figures.stats.prefillTokensPerSecond, 0)
      XCTAssertGreaterThan(figures.memory.peakBytes, 0)
      model.newConversation()
      XCTAssertTrue(model.messages.isEmpty)
    }
  }

  func testStopKeepsTheAnswerSoFarAndTheNextTurnWorks() async throws {
    try await onMain { storage in
      let model = storage.makeModel()
      model.add(try bundled())
      await model.finished()
      model.send("Tell me everything.")
      while model.messages[1].content.isEmpty { await Task.yield() }
      model.stop()
      await model.finished()
      XCTAssertEqual(model.phase, .idle)
      XCTAssertNil(model.failure)
      model.send("Go on.")
      await model.finished()
      XCTAssertNil(model.failure)
      XCTAssertEqual(model.messages.count, 4)
    }
  }

  func testAFullContextDoesNotEndTheConversation() async throws {
    try await onMain { storage in
      let model = storage.makeModel()
      model.add(try bundled())
      await model.finished()
      let long = String(repeating: "Tell me of the sea, of the sky and of the king of Judah. ", count: 6)
      for text in Array(repeating: long, count: 5) + ["Hi"] {
        model.send(text)
        await model.finished()
        XCTAssertNil(model.failure)
      }
      XCTAssertGreaterThan(model.leftOut, 0)
      XCTAssertEqual(model.messages.count, 12)
      model.newConversation()
      XCTAssertEqual(model.leftOut, 0)
    }
  }

  func testLowMemoryClosesTheModelAndSaysSo() async throws {
    try await onMain { storage in
      let model = storage.makeModel()
      model.add(try bundled())
      await model.finished()
      model.send("Tell me everything.")
      model.releaseMemory()
      await model.finished()
      XCTAssertFalse(model.canSend)
      XCTAssertTrue(try XCTUnwrap(model.failure).contains("memory"))
      XCTAssertEqual(model.phase, .idle)
      model.open(try XCTUnwrap(model.artifacts.first))
      await model.finished()
      XCTAssertTrue(model.canSend)
    }
  }

  func testClosingLeavesTheMainThreadFree() async throws {
    try await onMain { storage in
      let threads = Threads()
      let model = storage.makeModel { session in
        threads.note()
        session.close()
      }
      model.add(try bundled())
      await model.finished()
      model.send("Tell me everything.")
      model.releaseMemory()
      await model.finished()
      model.open(try XCTUnwrap(model.artifacts.first))
      await model.finished()
      model.open(try XCTUnwrap(model.artifacts.first))
      await model.finished()
      XCTAssertEqual(threads.noted, [false, false], "whether each session was closed on the main thread")
    }
  }

  func testTheBenchmarkFollowsTheProtocolAndExportsJSON() async throws {
    try await onMain { storage in
      XCTAssertEqual(Benchmark.lengths(context: 8192), [256, 1024, 4096, 8064])
      XCTAssertEqual(Benchmark.lengths(context: 100), [])
      let model = storage.makeModel()
      model.add(try bundled())
      await model.finished()
      model.runBenchmark()
      await model.finished()
      let report = try XCTUnwrap(model.report)
      XCTAssertEqual(report.tests.map(\.promptTokens), [256])
      let json = try JSONSerialization.jsonObject(with: try report.json()) as? [String: Any]
      let tests = try XCTUnwrap(json?["tests"] as? [[String: Any]])
      XCTAssertGreaterThan(try XCTUnwrap(tests[0]["decode_tokens_per_second"] as? Double), 0)
      XCTAssertEqual(json?["processor"] as? String, "CPU")
      XCTAssertEqual(json?["decode_tokens"] as? Int, 128)
    }
  }
}
