import Foundation
import XCTest

@testable import MmoeApp

/// What the screen of models shows of downloads from tests/support/artifact_server.py.
final class DownloadsTests: XCTestCase {
  private let run = UUID().uuidString
  private let root = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("mmoe-" + UUID().uuidString)

  override func tearDown() { try? FileManager.default.removeItem(at: root) }

  private func server() throws -> String {
    let path = try XCTUnwrap(ProcessInfo.processInfo.environment["MMOE_SERVER"], "set by .ci/swift")
    return try String(contentsOfFile: path, encoding: .utf8)
  }

  private func screen() async -> Downloads {
    let root = root
    return await MainActor.run { Downloads(root: root) {} }
  }

  func testTheScreenPausesAndGoesOnInTheNextProcess() async throws {
    let name = run
    let address = "\(try server())/hangs/\(run)"
    let first = await screen()
    await first.add(address, token: "")
    while await (first.running?.doneBytes ?? 0) < 100_000 { try await Task.sleep(for: .milliseconds(1)) }
    await first.pause()
    await first.finished()
    let paused = await first.downloads
    XCTAssertEqual(paused.map(\.name), [name])
    XCTAssertEqual(paused.map(\.running), [false])
    XCTAssertNil(paused.first?.problem)
    XCTAssertEqual(ArtifactStore(root: root).list(), [], "half an artifact cannot be opened")
    let second = await screen()
    await second.resume(name, token: "")
    await second.finished()
    let left = await second.downloads
    XCTAssertEqual(left, [])
    XCTAssertEqual(ArtifactStore(root: root).list().map(\.name), [name])
  }

  func testTheScreenSaysWhatWentWrong() async throws {
    let address = "\(try server())/gone/\(run)"
    let shown = await screen()
    await shown.add("nothing", token: "")
    let refusal = await shown.refusal
    XCTAssertTrue(try XCTUnwrap(refusal).contains("\"nothing\""))
    await shown.add(address, token: "")
    await shown.finished()
    let problem = await shown.downloads.first?.problem
    XCTAssertTrue(try XCTUnwrap(problem).contains("has no model.pte"))
  }

  func testTheScreenShowsACatalogueOrSaysWhyNot() async throws {
    let shown = await screen()
    await shown.browse("\(try server())/plain/\(run)/tokenizer.json", token: "")
    let refusal = await shown.refusal
    XCTAssertTrue(try XCTUnwrap(refusal).contains("no list of models"))
    let models = await shown.catalogue
    XCTAssertEqual(models, [])
  }
}
