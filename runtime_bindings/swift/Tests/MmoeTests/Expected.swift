import Foundation
import XCTest

@testable import Mmoe

/// The bundled artifact and what Python and C say about it, written by the script that runs the tests.
struct Expected: Decodable {
  struct Answer: Decodable {
    let prompt: String
    let seed: UInt64?
    let ids: [Int32]
    let text: String
  }

  let artifact: String
  let answers: [Answer]
  let chat: [Int32]

  static func load() throws -> Expected {
    guard let path = ProcessInfo.processInfo.environment["MMOE_EXPECTED"] else {
      throw MmoeError(code: .notFound, message: "MMOE_EXPECTED must name the file that .ci/swift writes")
    }
    return try JSONDecoder().decode(Expected.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

/// An artifact that tests/conformance/variants.py has written.
func variant(_ name: String) throws -> String {
  let folder = try XCTUnwrap(ProcessInfo.processInfo.environment["MMOE_VARIANTS"], "set by .ci/swift")
  return folder + "/" + name
}

/// A folder of our own that is gone after the test.
func temporaryCopy(of artifact: String, for test: XCTestCase) throws -> String {
  let copy = NSTemporaryDirectory() + "mmoe-" + UUID().uuidString
  try FileManager.default.copyItem(atPath: artifact, toPath: copy)
  test.addTeardownBlock { try? FileManager.default.removeItem(atPath: copy) }
  return copy
}

func assertThrows(_ code: MmoeError.Code, _ part: String = "", _ work: () throws -> Void) {
  XCTAssertThrowsError(try work()) { error in
    XCTAssertEqual((error as? MmoeError)?.code, code, "\(error)")
    if !part.isEmpty { XCTAssertTrue("\(error)".contains(part), "\(error)") }
  }
}
