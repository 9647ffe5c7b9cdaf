import XCTest

@testable import Mmoe

/// What an app is told while a model is opened, and how it ends that.
final class EmbeddingTests: XCTestCase {
  private struct Enough: Error {}

  func testOpeningTellsItsStages() throws {
    var told: [LoadProgress] = []
    let model = try Model(folder: try Expected.load().artifact, verifyChecksums: true) { told.append($0) }
    XCTAssertEqual(Set(told.map(\.stage)), [.checksums, .tokenizer, .program])
    for stage in Set(told.map(\.stage)) {
      let steps = told.filter { $0.stage == stage }
      XCTAssertEqual(steps.first?.done, 0)
      XCTAssertEqual(steps.last?.done, steps.last?.total)
    }
    XCTAssertGreaterThan(told[0].total, model.info.programBytes)
  }

  func testAnErrorEndsTheOpening() throws {
    let artifact = try Expected.load().artifact
    var told: [LoadProgress.Stage] = []
    XCTAssertThrowsError(
      try Model(folder: artifact) {
        told.append($0.stage)
        throw Enough()
      }
    ) { XCTAssertTrue($0 is Enough, "\($0)") }
    XCTAssertEqual(told, [.tokenizer])
  }

  func testAWarmUpEndsWithAnError() throws {
    let model = try Model(folder: try Expected.load().artifact)
    XCTAssertThrowsError(try model.warmUp { _ in throw Enough() }) { XCTAssertTrue($0 is Enough, "\($0)") }
    try model.warmUp()
  }

  func testASessionTakesTheMostWithAFullContext() throws {
    let model = try Model(folder: try Expected.load().artifact)
    let full = try model.sessionMemory()
    XCTAssertEqual(full, try model.sessionMemory(tokens: model.info.maxContextLen))
    XCTAssertLessThan(try model.sessionMemory(tokens: 1).cacheBytes, full.cacheBytes)
    XCTAssertLessThanOrEqual(full.cacheBytes, full.plannedBytes)
  }
}
