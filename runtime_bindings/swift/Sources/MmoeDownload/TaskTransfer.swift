import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Who brings the bytes of a download.
public struct DownloadTransfer: Sendable {
  let files: any FileTransfer

  /// This process, while it runs.
  public static let streamed = DownloadTransfer(files: StreamedTransfer())

  /// The system: on Apple systems also while the app is suspended or ended.
  /// - Parameters:
  ///   - identifier: of the background session; one object in a process may have it.
  ///   - inbox: a folder for what comes while nobody waits, the same in every process.
  public static func system(identifier: String, inbox: URL) -> DownloadTransfer {
    #if canImport(Darwin)
      let configuration = URLSessionConfiguration.background(withIdentifier: identifier)
    #else
      let configuration = URLSessionConfiguration.ephemeral
    #endif
    return DownloadTransfer(files: TaskTransfer(configuration, inbox: inbox))
  }
}

/// What can be made or fetched again would fill the user's backup.
public func excludeFromBackup(_ file: URL) throws {
  #if canImport(Darwin)
    var values = URLResourceValues()
    values.isExcludedFromBackup = true
    var excluded = file
    try excluded.setResourceValues(values)
  #endif
}

#if canImport(Darwin)
  /// What the system wants to be called when the app has seen what happened while it was not running.
  public enum BackgroundEvents {
    @MainActor public static var handled: (() -> Void)?
  }
#endif

/// Files that the system downloads, on Apple systems also while the app is suspended or ended. A file comes in one piece; one that
/// arrives while nobody waits for it lies in a folder until it is asked for again. One is fetched at a time.
///
/// The system follows redirects of such downloads without asking, and would show the token to whoever is behind them. So where an
/// address leads is found out first, by a request that is given up when the server answers.
final class TaskTransfer: NSObject, FileTransfer, URLSessionDownloadDelegate, @unchecked Sendable {
  /// What came of a download, beside its bytes.
  private struct Outcome: Codable {
    let status: Int
    let length: String?
    let range: String?
  }

  private struct HasAnswered: Error {}

  private static let pieceBytes = 1 << 20

  private let inbox: URL
  private let lock = NSLock()
  private var waiting: (key: String, arriving: (Int) -> Void, continuation: CheckedContinuation<Void, Error>)?
  private var session: URLSession!

  /// - Parameter inbox: where files wait; the same in every process.
  init(_ configuration: URLSessionConfiguration, inbox: URL) {
    self.inbox = inbox
    super.init()
    let queue = OperationQueue()
    queue.maxConcurrentOperationCount = 1
    session = URLSession(configuration: configuration, delegate: self, delegateQueue: queue)
  }

  /// Lets go of the session, which holds this object.
  func invalidate() { session.invalidateAndCancel() }

  func fetch(
    _ url: URL, token: String?, from start: Int, begin: @escaping HTTPFetch.Begin,
    receive: @escaping HTTPFetch.Receive, arriving: @escaping @Sendable (Int) -> Void
  ) async throws {
    // A download of the same bytes that an earlier process has begun, or ended.
    let place = url.absoluteString.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    let key = "\(start)-\(place.suffix(200))"
    if !isThere(key) { try await download(key, url, token, start, arriving) }
    defer { for left in [file(key), outcome(key)] { try? FileManager.default.removeItem(at: left) } }
    let came = try JSONDecoder().decode(Outcome.self, from: Data(contentsOf: outcome(key)))
    try begin(
      try HTTPAnswer(status: came.status, length: came.length, range: came.range, to: url, token: token))
    guard came.status != 416 else { return }
    let bytes = try FileHandle(forReadingFrom: file(key))
    defer { try? bytes.close() }
    while let piece = try bytes.read(upToCount: Self.pieceBytes), !piece.isEmpty { try receive(piece) }
  }

  private func download(
    _ key: String, _ url: URL, _ token: String?, _ start: Int, _ arriving: @escaping @Sendable (Int) -> Void
  ) async throws {
    let running = await tasks().first { $0.taskDescription == key }
    let task: URLSessionTask
    if let running { task = running } else { task = try await begun(key, url, token, start) }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        lock.withLock { waiting = (key, arriving, continuation) }
        // It may have ended in between.
        if isThere(key) { finish(key, nil) } else { task.resume() }
        if Task.isCancelled { task.cancel() }
      }
    } onCancel: {
      task.cancel()
    }
  }

  private func begun(_ key: String, _ url: URL, _ token: String?, _ start: Int) async throws -> URLSessionTask {
    #if canImport(Darwin)
      if let data = try? Data(contentsOf: resumption(key)) {
        try? FileManager.default.removeItem(at: resumption(key))
        let task = session.downloadTask(withResumeData: data)
        task.taskDescription = key
        return task
      }
    #endif
    let asking = HTTPFetch(url, token: token, from: start, begin: { _ in throw HasAnswered() }, receive: { _ in })
    do { try await asking.run() } catch is HasAnswered {}
    let final = asking.final ?? url
    var request = URLRequest(url: final)
    request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
    if start > 0 { request.setValue("bytes=\(start)-", forHTTPHeaderField: "Range") }
    if let token, final.host == url.host, final.port == url.port, final.scheme == url.scheme {
      request.setValue("Bearer " + token, forHTTPHeaderField: "Authorization")
    }
    let task = session.downloadTask(with: request)
    task.taskDescription = key
    return task
  }

  private func tasks() async -> [URLSessionTask] {
    await withCheckedContinuation { continuation in session.getAllTasks { continuation.resume(returning: $0) } }
  }

  private func file(_ key: String) -> URL { inbox.appendingPathComponent(key) }
  private func outcome(_ key: String) -> URL { inbox.appendingPathComponent(key + ".json") }
  private func resumption(_ key: String) -> URL { inbox.appendingPathComponent(key + ".resume") }
  private func isThere(_ key: String) -> Bool { FileManager.default.fileExists(atPath: outcome(key).path) }

  private func finish(_ key: String, _ error: Error?) {
    let ended = lock.withLock {
      defer { if waiting?.key == key { waiting = nil } }
      return waiting?.key == key ? waiting : nil
    }
    if let error { ended?.continuation.resume(throwing: error) } else { ended?.continuation.resume() }
  }

  // MARK: Called by the session, on its queue

  #if canImport(Darwin)
    func urlSessionDidFinishEvents(forBackgroundURLSession session: URLSession) {
      Task { @MainActor in
        BackgroundEvents.handled?()
        BackgroundEvents.handled = nil
      }
    }
  #endif

  func urlSession(_ session: URLSession, downloadTask: URLSessionDownloadTask, didFinishDownloadingTo location: URL) {
    guard let key = downloadTask.taskDescription, let http = downloadTask.response as? HTTPURLResponse else { return }
    do {
      // The file is gone when this returns. Its outcome comes last: then both are whole.
      try FileManager.default.createDirectory(at: inbox, withIntermediateDirectories: true)
      try excludeFromBackup(inbox)
      try? FileManager.default.removeItem(at: file(key))
      try FileManager.default.moveItem(at: location, to: file(key))
      let came = Outcome(
        status: http.statusCode, length: http.value(forHTTPHeaderField: "Content-Length"),
        range: http.value(forHTTPHeaderField: "Content-Range"))
      try JSONEncoder().encode(came).write(to: outcome(key), options: .atomic)
    } catch {
      finish(key, DownloadError.noRoom("The download cannot be written: \(error.localizedDescription)"))
    }
  }

  func urlSession(
    _ session: URLSession, downloadTask: URLSessionDownloadTask, didWriteData bytesWritten: Int64,
    totalBytesWritten: Int64, totalBytesExpectedToWrite: Int64
  ) {
    let arriving = lock.withLock { waiting?.key == downloadTask.taskDescription ? waiting?.arriving : nil }
    arriving?(Int(totalBytesWritten))
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: Error?) {
    guard let key = task.taskDescription else { return }
    #if canImport(Darwin)
      if let data = (error as NSError?)?.userInfo[NSURLSessionDownloadTaskResumeData] as? Data {
        try? FileManager.default.createDirectory(at: inbox, withIntermediateDirectories: true)
        try? data.write(to: resumption(key), options: .atomic)
      }
    #endif
    let cancelled = (error as? URLError)?.code == .cancelled
    finish(key, cancelled ? CancellationError() : error ?? (isThere(key) ? nil : URLError(.badServerResponse)))
  }
}
