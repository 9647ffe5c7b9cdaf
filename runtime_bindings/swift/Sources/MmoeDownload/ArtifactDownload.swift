import Foundation

/// Brings an artifact from a server into a folder. It appears there when every file has the SHA-256 of the manifest; until
/// then everything is in a folder beside it, and the next `run` goes on from there, be it after a pause, a lost connection
/// or the end of the process.
public struct ArtifactDownload: Sendable {
  public typealias Progress = @Sendable (_ doneBytes: Int, _ totalBytes: Int) -> Void

  private static let manifest = "mmoe.json"
  private static let savedManifest = "mmoe.json.next"
  private static let source = ".source"
  private static let unfinished = ".download"

  private let address: ArtifactAddress
  private let target: URL
  private let token: String?
  private let attempts: Int
  private let pauseSeconds: @Sendable (Int) -> Double
  private let freeBytes: @Sendable (URL) -> Int
  private let transfer: any FileTransfer

  private var folder: URL { Self.unfinishedFolder(target) }

  /// - Parameters:
  ///   - target: the artifact's folder when it is whole.
  ///   - token: for gated ones.
  public init(
    _ address: ArtifactAddress, into target: URL, token: String? = nil, transfer: DownloadTransfer = .streamed
  ) {
    self.init(address, into: target, token: token, transfer: transfer.files)
  }

  /// - Parameters:
  ///   - attempts: tries without any progress after which the connection is given up.
  ///   - pauseSeconds: how long to wait before a try.
  ///   - freeBytes: room on the storage of a folder.
  ///   - transfer: brings the files; the manifest is small, and streamed.
  init(
    _ address: ArtifactAddress, into target: URL, token: String? = nil, attempts: Int = 6,
    pauseSeconds: @escaping @Sendable (Int) -> Double = { Double(1 << $0) / 2 },
    freeBytes: @escaping @Sendable (URL) -> Int = ArtifactDownload.freeBytes,
    transfer: any FileTransfer
  ) {
    (self.address, self.target, self.token, self.attempts) = (address, target, token, attempts)
    (self.pauseSeconds, self.freeBytes, self.transfer) = (pauseSeconds, freeBytes, transfer)
  }

  /// Where a download into `target` keeps what has come of it.
  public static func unfinishedFolder(_ target: URL) -> URL {
    target.deletingLastPathComponent().appendingPathComponent(target.lastPathComponent + unfinished)
  }

  /// The downloads in a folder that have not ended: what they will be called, and where they come from.
  public static func unfinished(in parent: URL) -> [String: String] {
    let folders = (try? FileManager.default.contentsOfDirectory(at: parent, includingPropertiesForKeys: nil)) ?? []
    let found = folders.filter { $0.lastPathComponent.hasSuffix(unfinished) }.compactMap { folder in
      (try? String(contentsOf: folder.appendingPathComponent(source), encoding: .utf8)).map {
        (String(folder.lastPathComponent.dropLast(unfinished.count)), $0)
      }
    }
    return Dictionary(found) { first, _ in first }
  }

  public static let freeBytes: @Sendable (URL) -> Int = { folder in
    let values = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)
    return (values?[.systemFreeSize] as? NSNumber)?.intValue ?? 0
  }

  /// Downloads what is missing. Cancelling the task is a pause.
  ///
  /// - Parameter progress: told of the bytes that are there and of all, from any thread.
  /// - Throws: `DownloadError`, or `CancellationError` for a pause.
  public func run(_ progress: @escaping Progress = { _, _ in }) async throws {
    let text = try await fetchManifest()
    let files = try ArtifactFile.list(text, place: address.description)
    try writing { try prepare(text, files) }
    let total = files.reduce(0) { $0 + $1.bytes }
    let missing = total - files.reduce(0) { $0 + had($1) }
    let free = freeBytes(folder)
    guard free >= missing else {
      throw DownloadError.noRoom(
        "\(target.lastPathComponent) needs \(missing / 1_000_000) MB more, but \(free / 1_000_000) MB are free")
    }
    for file in files {
      let others = files.reduce(0) { $0 + ($1 == file ? 0 : had($1)) }
      progress(others + had(file), total)
      try await fetch(file) { progress(others + $0, total) }
    }
    progress(total, total)
    try writing(publish)
  }

  /// Deletes what has come of an unfinished one.
  public func discard() { try? FileManager.default.removeItem(at: folder) }

  private func final(_ file: ArtifactFile) -> URL { folder.appendingPathComponent(file.name) }

  private func part(_ file: ArtifactFile) -> URL { folder.appendingPathComponent(file.name + ".part") }

  private func size(_ url: URL) -> Int {
    (try? FileManager.default.attributesOfItem(atPath: url.path)[.size] as? NSNumber)?.intValue ?? 0
  }

  private func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }

  private func had(_ file: ArtifactFile) -> Int {
    exists(final(file)) ? file.bytes : min(size(part(file)), file.bytes)
  }

  private func fetchManifest() async throws -> Data {
    try await retrying(0) {
      var text = Data()
      var total: Int?
      let begin: HTTPFetch.Begin = { total = $0.total }
      let receive: HTTPFetch.Receive = {
        text.append($0)
        if text.count > 32 << 20 {
          throw DownloadError.noArtifact("\(address) is no artifact: its mmoe.json is too long")
        }
      }
      try await HTTPFetch(address.file(Self.manifest), token: token, from: 0, begin: begin, receive: receive).run()
      if let total, text.count < total { throw URLError(.networkConnectionLost) }
      return text
    }
  }

  /// Leaves only what belongs to this version of the artifact in the folder.
  private func prepare(_ text: Data, _ files: [ArtifactFile]) throws {
    let manager = FileManager.default
    try manager.createDirectory(at: folder, withIntermediateDirectories: true)
    try excludeFromBackup(folder)
    // Ended while publishing, it has its final name already.
    let saved = [Self.savedManifest, Self.manifest].lazy.compactMap {
      try? Data(contentsOf: folder.appendingPathComponent($0))
    }.first
    let before = try saved.map { try ArtifactFile.list($0, place: folder.path) } ?? []
    let kept = Set(files.filter(before.contains).flatMap { [$0.name, $0.name + ".part"] })
    for name in try manager.contentsOfDirectory(atPath: folder.path) where !kept.contains(name) {
      try manager.removeItem(at: folder.appendingPathComponent(name))
    }
    try text.write(to: folder.appendingPathComponent(Self.savedManifest))
    try Data(address.description.utf8).write(to: folder.appendingPathComponent(Self.source))
  }

  private func fetch(_ file: ArtifactFile, _ progress: @escaping @Sendable (Int) -> Void) async throws {
    guard !exists(final(file)) else { return }
    let part = part(file)
    var again = true
    while true {
      var inOnePiece = false
      try await retrying(size(part)) {
        if size(part) > file.bytes { try writing { try FileManager.default.removeItem(at: part) } }
        inOnePiece = size(part) == 0
        if size(part) < file.bytes || !exists(part) { try await append(file, part, progress) }
      }
      if try writing({ try SHA256Digest.hex(of: part) }) == file.sha256 { break }
      try writing { try FileManager.default.removeItem(at: part) }
      // What came in pieces may be of two versions of the file; what came at once is simply another one.
      if inOnePiece || !again {
        throw DownloadError.damaged("\(file.name) of \(address) is not the file that its mmoe.json names (SHA-256)")
      }
      again = false
    }
    try writing { try FileManager.default.moveItem(at: part, to: final(file)) }
  }

  private func append(_ file: ArtifactFile, _ part: URL, _ progress: @escaping @Sendable (Int) -> Void) async throws {
    let start = size(part)
    if !exists(part) { try writing { try Data().write(to: part) } }
    guard file.bytes > 0 else { return }
    let handle = try writing { try FileHandle(forWritingTo: part) }
    defer { try? handle.close() }
    var done = start
    let begin: HTTPFetch.Begin = { answer in
      if answer.from != start {
        // Its file has no byte there, or it gives others than it was asked for: from the start, then.
        try writing { try handle.truncate(atOffset: 0) }
        done = 0
        guard answer.from == 0 else { throw URLError(.badServerResponse) }
      }
      if let total = answer.total, total != file.bytes {
        try writing { try handle.truncate(atOffset: 0) }
        throw DownloadError.damaged(
          "\(file.name) of \(address) has \(total) bytes, its mmoe.json says \(file.bytes)")
      }
      try writing { _ = try handle.seekToEnd() }
    }
    let receive: HTTPFetch.Receive = { data in
      done += data.count
      guard done <= file.bytes else {
        throw DownloadError.damaged("\(file.name) of \(address) is longer than its mmoe.json says")
      }
      try writing { try handle.write(contentsOf: data) }
    }
    try await transfer.fetch(
      address.file(file.name), token: token, from: start, begin: begin, receive: receive,
      arriving: { progress(min(start + $0, file.bytes)) })
    // It is renamed next; a whole name must stand for whole bytes when the power fails.
    try writing { try handle.synchronize() }
    if done < file.bytes { throw URLError(.networkConnectionLost) }
  }

  private func publish() throws {
    let manager = FileManager.default
    try manager.moveItem(
      at: folder.appendingPathComponent(Self.savedManifest), to: folder.appendingPathComponent(Self.manifest))
    try manager.removeItem(at: folder.appendingPathComponent(Self.source))
    if exists(target) { try manager.removeItem(at: target) }
    try manager.moveItem(at: folder, to: target)
  }

  /// Tries again while connections fail; `progress` tells whether the last try brought anything.
  private func retrying<Value>(_ progress: @autoclosure () -> Int, _ body: () async throws -> Value) async throws
    -> Value
  {
    var failures = 0
    while true {
      let before = progress()
      do {
        return try await body()
      } catch let error as DownloadError {
        throw error
      } catch {
        try Task.checkCancellation()
        failures = progress() > before ? 1 : failures + 1
        guard failures < attempts else { throw DownloadError.unreachable(error.localizedDescription) }
        try await Task.sleep(for: .seconds(pauseSeconds(failures)))
      }
    }
  }

  private func writing<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as DownloadError {
      throw error
    } catch {
      throw DownloadError.noRoom("\(target.lastPathComponent) cannot be written: \(error.localizedDescription)")
    }
  }
}
