import Foundation
import XCTest

@testable import MmoeDownload

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Downloads from tests/support/artifact_server.py, whose folders behave badly in one way each.
final class ArtifactDownloadTests: XCTestCase {
  private let run = UUID().uuidString
  private let root = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("mmoe-" + UUID().uuidString)
  private let program = Data((0..<600_000).map { UInt8($0 * 31 % 251) })

  private var target: URL { root.appendingPathComponent("S") }
  private var unfinished: URL { root.appendingPathComponent("S.download") }

  override func tearDown() { try? FileManager.default.removeItem(at: root) }

  private func server() throws -> String {
    let path = try XCTUnwrap(ProcessInfo.processInfo.environment["MMOE_SERVER"], "set by .ci/swift")
    return try String(contentsOfFile: path, encoding: .utf8)
  }

  private func download(
    _ behaviour: String, token: String? = nil, attempts: Int = 3, free: Int = .max,
    by transfer: any FileTransfer = StreamedTransfer()
  ) throws -> ArtifactDownload {
    let address = try ArtifactAddress("\(try server())/\(behaviour)/\(run)")
    return ArtifactDownload(
      address, into: target, token: token, attempts: attempts, pauseSeconds: { _ in 0.001 }, freeBytes: { _ in free },
      transfer: transfer)
  }

  private func requests(_ behaviour: String, _ file: String = "model.pte") throws -> Int? {
    let url = try XCTUnwrap(URL(string: "\(try server())/count/\(behaviour)/\(run)/\(file)"))
    return Int(String(decoding: try Data(contentsOf: url), as: UTF8.self))
  }

  private func complete(_ bytes: Data? = nil) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: target.path)
    XCTAssertEqual(Set(names), ["mmoe.json", "model.pte", "tokenizer.json", "empty.bin"])
    XCTAssertEqual(try Data(contentsOf: target.appendingPathComponent("model.pte")), bytes ?? program)
    XCTAssertFalse(FileManager.default.fileExists(atPath: unfinished.path))
  }

  private func failure(_ behaviour: String, token: String? = nil, free: Int = .max) async throws -> DownloadError? {
    do {
      try await download(behaviour, token: token, free: free).run()
      XCTFail("\(behaviour) went well")
    } catch let error as DownloadError {
      XCTAssertFalse(FileManager.default.fileExists(atPath: target.path), "nothing unfinished may look finished")
      return error
    }
    return nil
  }

  /// What iOS does in the background, in the foreground and on Linux.
  private func systemTransfer() -> TaskTransfer {
    let transfer = TaskTransfer(.ephemeral, inbox: root.appendingPathComponent("inbox"))
    addTeardownBlock { transfer.invalidate() }
    return transfer
  }

  private func partSize() -> Int {
    let path = unfinished.appendingPathComponent("model.pte.part").path
    return (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.intValue ?? 0
  }

  func testEveryByteArrivesAndProgressIsTold() async throws {
    let told = Told()
    try await download("plain").run { told.note($0, $1) }
    try complete()
    XCTAssertEqual(told.done, told.done.sorted())
    XCTAssertEqual(told.done.last, 600_018)
    XCTAssertEqual(try requests("plain"), 1)
  }

  func testBadServersAreEndured() async throws {
    for behaviour in ["drops", "norange", "none", "other", "changes", "busy"] {
      try await download(behaviour).run()
      try complete()
      try FileManager.default.removeItem(at: target)
    }
    XCTAssertEqual(try requests("drops"), 6, "600,000 bytes in pieces of 100,000")
    XCTAssertEqual(try requests("changes"), 3, "a piece of the old one, the rest of the new one, all of the new one")
  }

  func testWhatIsWrongIsRefused() async throws {
    guard case .unreachable? = try await failure("dead") else { return XCTFail("dead") }
    guard case .damaged? = try await failure("short") else { return XCTFail("short") }
    guard case .damaged? = try await failure("long") else { return XCTFail("long") }
    try download("long").discard()  // its first bytes were right, and would be gone on with
    guard case .damaged? = try await failure("wrong") else { return XCTFail("wrong") }
    XCTAssertEqual(try requests("wrong"), 1)
    XCTAssertEqual(partSize(), 0, "it would never become right")
    guard case .notFound(_, "model.pte")? = try await failure("gone") else { return XCTFail("gone") }
    guard case .noArtifact? = try await failure("page") else { return XCTFail("page") }
    guard case .noArtifact? = try await failure("evil") else { return XCTFail("evil") }
    guard case .refused? = try await failure("gated") else { return XCTFail("gated") }
    guard case .refused? = try await failure("gated", token: "another") else { return XCTFail("gated") }
    guard case .noRoom? = try await failure("plain", free: 599_999) else { return XCTFail("free") }
    XCTAssertEqual(try requests("plain"), 0)
  }

  func testTokensAreForTheFirstHostOnly() async throws {
    try await download("redirect", token: "secret").run()
    try complete()
    try FileManager.default.removeItem(at: target)
    try await download("gated", token: "secret").run()
    try complete()
  }

  func testAPauseKeepsWhatHasCome() async throws {
    let first = try download("hangs")
    let running = Task { try await first.run() }
    while partSize() < 100_000 { try await Task.sleep(for: .milliseconds(1)) }
    running.cancel()
    guard case .failure(let error) = await running.result, error is CancellationError else {
      return XCTFail("not paused")
    }
    let kept = partSize()
    XCTAssertTrue((100_000..<600_000).contains(kept), "\(kept)")
    XCTAssertEqual(ArtifactDownload.unfinished(in: root), ["S": "\(try server())/hangs/\(run)/"])
    let told = Told()
    try await download("hangs").run { told.note($0, $1) }
    XCTAssertGreaterThanOrEqual(try XCTUnwrap(told.done.first), kept)
    try complete()
    XCTAssertEqual(ArtifactDownload.unfinished(in: root), [:])
  }

  func testAPauseEndsAConnectionThatHangs() async throws {
    let hanging = try download("hangs")
    let running = Task { try await hanging.run() }
    while partSize() < 20_000 { try await Task.sleep(for: .milliseconds(1)) }
    let start = Date()
    running.cancel()
    _ = await running.result
    XCTAssertLessThan(Date().timeIntervalSince(start), 10)
  }

  func testAnArtifactThatIsPublishedAnewBetweenPauses() async throws {
    do {
      try await download("update", attempts: 1).run()
      XCTFail("the server drops the first")
    } catch DownloadError.unreachable {}
    XCTAssertEqual(partSize(), 100_000)
    try await download("update").run()
    try complete(Data(program.reversed()))
    XCTAssertEqual(try requests("update"), 2, "the piece of the old version was of no use")
  }

  func testDiscardingLeavesNothing() async throws {
    try? await download("drops", attempts: 1).run()
    XCTAssertGreaterThan(partSize(), 0)
    try download("drops").discard()
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: root.path), [])
  }

  func testTheSystemsDownloadsBringTheSame() async throws {
    let system = systemTransfer()
    let told = Told()
    try await download("plain", by: system).run { told.note($0, $1) }
    try complete()
    XCTAssertEqual(told.done, told.done.sorted())
    XCTAssertEqual(told.done.last, 600_018)
    for (behaviour, token) in [("busy", nil), ("redirect", "secret"), ("gated", "secret")] as [(String, String?)] {
      try FileManager.default.removeItem(at: target)
      try await download(behaviour, token: token, by: system).run()
      try complete()
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("inbox").path)
    XCTAssertEqual(left, [])
    try FileManager.default.removeItem(at: target)
    for behaviour in ["wrong", "gone", "gated", "short", "dead", "unsafe"] {
      do {
        try await download(behaviour, by: system).run()
        XCTFail("\(behaviour) went well")
      } catch let error as DownloadError {
        switch (behaviour, error) {
        case ("wrong", .damaged), ("gone", .notFound), ("gated", .refused), ("short", .damaged), ("dead", .unreachable),
          ("unsafe", .refused):
          break
        default: XCTFail("\(behaviour): \(error)")
        }
      }
      XCTAssertFalse(FileManager.default.fileExists(atPath: target.path))
      try download(behaviour).discard()
    }
  }

  func testTheSystemsDownloadsGoOnFromWhatIsThere() async throws {
    let system = systemTransfer()
    // A streamed one was dropped; the server has no byte there, gives all of it, or gives the rest.
    for behaviour in ["none", "norange", "drops"] {
      try? await download(behaviour, attempts: 1).run()
      XCTAssertEqual(partSize(), 100_000, behaviour)
      guard behaviour != "drops" else { continue }
      try await download(behaviour, by: system).run()
      try complete()
      try FileManager.default.removeItem(at: target)
    }
  }

  func testWhatCameWhileTheAppWasGoneIsNotFetchedAgain() async throws {
    let address = try ArtifactAddress("\(try server())/plain/\(run)")
    let file = address.file("model.pte")
    let first = systemTransfer()
    // The process ends before it has read what came.
    struct Ended: Error {}
    let inbox = root.appendingPathComponent("inbox")
    let copy = root.appendingPathComponent("copy")
    do {
      try await first.fetch(
        file, token: nil, from: 0,
        begin: { _ in
          try FileManager.default.copyItem(at: inbox, to: copy)
          throw Ended()
        }, receive: { _ in }, arriving: { _ in })
      XCTFail("begin throws")
    } catch is Ended {}
    try FileManager.default.removeItem(at: inbox)
    try FileManager.default.moveItem(at: copy, to: inbox)
    let before = try XCTUnwrap(try requests("plain"))
    try await download("plain", by: systemTransfer()).run()
    try complete()
    XCTAssertEqual(try requests("plain"), before)
  }

  func testASystemsDownloadCanBePaused() async throws {
    let system = systemTransfer()
    let told = Told()
    // On Linux a system's download hears that it is cancelled when the connection ends, or after a minute of silence.
    let slow = try download("leaves", by: system)
    let running = Task { try await slow.run { told.note($0, $1) } }
    while (told.done.last ?? 0) < 100_000 { try await Task.sleep(for: .milliseconds(1)) }
    running.cancel()
    guard case .failure(let error) = await running.result, error is CancellationError else {
      return XCTFail("not paused")
    }
    XCTAssertFalse(FileManager.default.fileExists(atPath: target.path))
  }

  func testCatalogues() async throws {
    let place = try XCTUnwrap(URL(string: "https://models.example/list/models.json"))
    func read(_ text: String) throws -> [CatalogueEntry] { try Catalogue.read(Data(text.utf8), from: place) }
    let models = try read(
      #"""
      {"models": [{"name": " A ", "address": "./A", "bytes": 5, "licence": "mit"},
        {"name": "B", "base": "owner/B", "gated": true, "more": [1]}, {"name": "C", "address": "owner/C@v2"}]}
      """#)
    XCTAssertEqual(models.map(\.name), ["A", "B", "C"])
    XCTAssertEqual(models.map(\.address), ["https://models.example/list/A", nil, "owner/C@v2"])
    XCTAssertEqual(models.map(\.base), [nil, "owner/B", nil])
    XCTAssertEqual(models.map(\.gated), [false, true, false])
    XCTAssertEqual(models.map(\.bytes), [5, nil, nil])
    XCTAssertEqual(try read(#"{"models": []}"#), [])
    for (text, said) in [
      ("", "no \"models\""), ("[]", "no \"models\""), (#"{"models": {}}"#, "no \"models\""),
      (#"{"models": [1]}"#, "no \"models\""), (#"{"models": [{"address": "./A"}]}"#, "no \"name\""),
      (#"{"models": [{"name": "A"}]}"#, "A has neither"),
      (#"{"models": [{"name": "A", "address": "file:///etc/passwd"}]}"#, "A has no address"),
      (#"{"models": [{"name": "A", "address": "nothing"}]}"#, "A has no address"),
    ] {
      XCTAssertThrowsError(try read(text), text) {
        XCTAssertTrue("\($0)".contains(said) && "\($0)".contains(place.absoluteString), "\($0)")
      }
    }
    for (address, said) in [
      ("nothing", "\"nothing\""), ("\(try server())/plain/\(run)/tokenizer.json", "no list of models"),
      ("\(try server())/plain/\(run)/none.json", "has no none.json"),
    ] {
      do {
        _ = try await Catalogue.fetch(address, token: nil)
        XCTFail(address)
      } catch { XCTAssertTrue("\(error)".contains(said), "\(error)") }
    }
  }

  func testAddresses() throws {
    func folder(_ text: String) throws -> String { try ArtifactAddress(text).description }
    XCTAssertEqual(try folder("me/S"), "https://huggingface.co/me/S/resolve/main/")
    XCTAssertEqual(try folder(" me/S-1.5@v2 "), "https://huggingface.co/me/S-1.5/resolve/v2/")
    XCTAssertEqual(try folder("https://huggingface.co/me/S/tree/v2"), "https://huggingface.co/me/S/resolve/v2/")
    XCTAssertEqual(try folder("http://10.0.2.2:8000"), "http://10.0.2.2:8000/")
    XCTAssertEqual(try folder("https://host/a%20b/S/mmoe.json"), "https://host/a%20b/S/")
    XCTAssertEqual(try ArtifactAddress("https://host/a/S/").name, "S")
    XCTAssertEqual(try ArtifactAddress("https://host/").name, "host")
    for wrong in ["", "S", "a/b/c", "ftp://host/S", "http://", "file:///etc", "https://host/S?x=1"] {
      XCTAssertThrowsError(try ArtifactAddress(wrong), wrong)
    }
  }

  /// The examples of FIPS 180-4.
  func testSHA256() throws {
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    for (text, digest) in [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ] {
      let file = root.appendingPathComponent("text")
      try Data(text.utf8).write(to: file)
      XCTAssertEqual(try SHA256Digest.hex(of: file), digest)
    }
  }
}

private final class Told: @unchecked Sendable {
  private let lock = NSLock()
  private var noted: [Int] = []

  func note(_ done: Int, _ total: Int) { lock.withLock { noted.append(done) } }

  var done: [Int] { lock.withLock { noted } }
}
