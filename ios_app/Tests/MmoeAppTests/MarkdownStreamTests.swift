import Foundation
import XCTest

@testable import MmoeApp

/// tests/markdown/cases.json: what every app's parser makes of a text.
private struct Cases: Decodable {
  struct Case: Decodable {
    let text: String
    let blocks: [Block]
  }

  struct Block: Decodable, Equatable {
    let kind: String
    let level: Int?
    let marker: String?
    let language: String?
    let text: String
  }

  let cases: [Case]

  static func load() throws -> [Case] {
    let path = try XCTUnwrap(ProcessInfo.processInfo.environment["MMOE_MARKDOWN"], "set by .ci/swift")
    return try JSONDecoder().decode(Cases.self, from: Data(contentsOf: URL(fileURLWithPath: path))).cases
  }
}

private func wanted(_ blocks: [Cases.Block]) -> [MarkdownBlock] {
  blocks.map {
    MarkdownBlock(
      kind: MarkdownBlock.Kind(rawValue: $0.kind)!, level: $0.level ?? 0, marker: $0.marker ?? "",
      language: $0.language ?? "", text: $0.text)
  }
}

/// Numbers that are the same in every run.
private struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 33)
  }
}

final class MarkdownStreamTests: XCTestCase {
  func testTheBlocksOfTheSharedCases() throws {
    let cases = try Cases.load()
    XCTAssertGreaterThanOrEqual(cases.count, 20)
    for example in cases { XCTAssertEqual(MarkdownStream(example.text).blocks, wanted(example.blocks), example.text) }
  }

  func testHoweverATextIsCutItsBlocksAreTheSame() throws {
    var random = Seeded(state: 18)
    let alphabet = "ab *_-+#>`~1.) \n\n\t|\u{e9}\u{1f642}\u{301}".unicodeScalars.map(String.init)
    var texts = try Cases.load().map(\.text)
    texts += (0..<200).map { _ in (0..<60).map { _ in alphabet.randomElement(using: &random)! }.joined() }
    texts.append(String(repeating: "word ", count: 2000) + "\n```\n" + String(repeating: "x\n", count: 4000))
    for text in texts {
      let whole = MarkdownStream(text).blocks
      let scalars = text.unicodeScalars.map(String.init)
      for longest in [1, 2, 7] {
        var stream = MarkdownStream()
        var index = 0
        while index < scalars.count {
          let end = min(scalars.count, index + Int.random(in: 1...longest, using: &random))
          stream.append(scalars[index..<end].joined())
          index = end
        }
        XCTAssertEqual(stream.blocks, whole, text)
      }
    }
  }

  func testBlocksThatHaveEndedStay() throws {
    for example in try Cases.load() {
      var stream = MarkdownStream()
      var before: [MarkdownBlock] = []
      for line in example.text.split(separator: "\n", omittingEmptySubsequences: false) {
        stream.append(line + "\n")
        XCTAssertEqual(Array(stream.blocks.prefix(max(0, before.count - 1))), Array(before.dropLast()), example.text)
        before = stream.blocks
      }
    }
  }

  func testLongBlocksAreDividedAndNothingIsLost() {
    let line = "word " + String(repeating: "x", count: 95)
    let text = Array(repeating: line, count: 200).joined(separator: "\n")
    for (given, kind) in [(text, MarkdownBlock.Kind.paragraph), ("```\n" + text, .code), ("> " + text, .quote)] {
      let blocks = MarkdownStream(given).blocks
      XCTAssertEqual(Set(blocks.map(\.kind)), [kind])
      XCTAssertEqual(blocks.map(\.isContinued), [false] + Array(repeating: true, count: blocks.count - 1))
      XCTAssertLessThanOrEqual(blocks.map(\.text.utf8.count).max()!, 2 * MarkdownStream.mostBytes)
      XCTAssertEqual(blocks.map(\.text).joined(separator: "\n"), text)
    }
    let unbroken = String(repeating: "\u{1f642}", count: 10_000)
    XCTAssertEqual(MarkdownStream(unbroken).blocks.map(\.text).joined(), unbroken)
  }

  /// Eight times the text takes about eight times the work: a square would take 64.
  func testHostileTextsTakeTimeInProportionToTheirLength() {
    for piece in ["a", "`", "*", "# ", "> ", "- ", "-\n", "  - ", "[", "\n", "```\n", "a*_`["] {
      func seconds(_ count: Int) -> Double {
        var stream = MarkdownStream()
        let start = processorSeconds()
        for _ in 0..<count { stream.append(piece) }
        return processorSeconds() - start
      }
      let short = (0..<3).map { _ in seconds(2000) }.max()!
      XCTAssertLessThan(seconds(16_000), 24 * short + 0.01, piece)
    }
  }
}

/// Of this thread alone: other programs' work does not count.
private func processorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
