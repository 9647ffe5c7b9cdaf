import Foundation
import XCTest

@testable import Mmoe

final class FaultTests: XCTestCase {
  func testAMissingFolder() {
    assertThrows(.notFound, "no such folder") { _ = try Model(folder: "/nowhere/at/all") }
  }

  func testACutProgram() throws {
    let folder = try temporaryCopy(of: try Expected.load().artifact, for: self)
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/model.pte"))
    try file.truncate(atOffset: 1000)
    try file.close()
    assertThrows(.corrupt, "model.pte: has 1000 bytes") { _ = try Model(folder: folder) }
  }

  func testAnotherFormat() throws {
    let folder = try temporaryCopy(of: try Expected.load().artifact, for: self)
    let path = folder + "/mmoe.json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try text.replacingOccurrences(of: "\"format_version\": 1", with: "\"format_version\": 9")
      .write(toFile: path, atomically: true, encoding: .utf8)
    assertThrows(.version, "format 9") { _ = try Model(folder: folder) }
  }

  func testAChangedByteIsFoundByTheChecksums() throws {
    let folder = try temporaryCopy(of: try Expected.load().artifact, for: self)
    XCTAssertNoThrow(try Model(folder: folder, verifyChecksums: true))
    let url = URL(fileURLWithPath: folder + "/model.pte")
    var data = try Data(contentsOf: url)
    data[data.count / 2] ^= 1
    try data.write(to: url)
    assertThrows(.corrupt, "SHA-256") { _ = try Model(folder: folder, verifyChecksums: true) }
  }

  func testAPromptLongerThanTheContext() throws {
    let model = try Model(folder: try Expected.load().artifact)
    let session = try Session(model)
    assertThrows(.contextFull, "\(model.info.maxContextLen)") {
      try session.prompt([Int32](repeating: 5, count: model.info.maxContextLen + 1))
    }
    assertThrows(.invalidArgument, "empty") { try session.prompt([]) }
    assertThrows(.invalidArgument, "vocabulary") { try session.prompt([-1]) }
    assertThrows(.invalidArgument, "the conversation") { _ = try model.chatJSON("[") }
    assertThrows(.invalidArgument, "top_p") { try session.setSampling(Sampling(topP: 2)) }
  }

  func testASecondThreadIsRefused() async throws {
    let model = try Model(folder: try Expected.load().artifact)
    let session = try Session(model)
    let ids = [Int32](repeating: 5, count: model.info.maxContextLen - 1)
    let worker = Task.detached {
      while !Task.isCancelled {
        try? session.reset()
        try? session.prefill(ids)
      }
    }
    var refused = false
    while !refused {
      do { _ = try session.position() } catch let error as MmoeError { refused = error.code == .busy }
    }
    worker.cancel()
    await worker.value
  }
}
