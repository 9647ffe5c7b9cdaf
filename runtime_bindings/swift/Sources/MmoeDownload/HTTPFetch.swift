import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// What a server says before it sends a file.
struct HTTPAnswer {
  /// Where its bytes begin; nil if it has none there.
  let from: Int?
  /// Bytes of the whole file, nil if the server does not say.
  let total: Int?
}

extension HTTPAnswer {
  /// - Throws: `DownloadError` for what trying again does not mend, `URLError` for the rest.
  init(_ response: URLResponse, to url: URL, token: String?) throws {
    guard let http = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
    try self.init(
      status: http.statusCode, length: http.value(forHTTPHeaderField: "Content-Length"),
      range: http.value(forHTTPHeaderField: "Content-Range"), to: url, token: token)
  }

  init(status: Int, length: String?, range: String?, to url: URL, token: String?) throws {
    let host = url.host ?? "the server"
    switch status {
    case 200: self.init(from: 0, total: length.flatMap { Int($0) })
    case 206:
      guard let match = (range ?? "").wholeMatch(of: /bytes (\d+)-\d+\/(\d+|\*)/) else {
        throw URLError(.badServerResponse)
      }
      self.init(from: Int(match.1), total: Int(match.2))
    case 416: self.init(from: nil, total: nil)
    case 401, 403:
      let why = token == nil ? "it needs a token" : "the token has no access"
      throw DownloadError.refused("\(host) refuses \(url.lastPathComponent) (\(status)): \(why)")
    case 404, 410:
      throw DownloadError.notFound(url.deletingLastPathComponent().absoluteString, url.lastPathComponent)
    default: throw URLError(.badServerResponse)
    }
  }
}

/// How the bytes of one file come.
protocol FileTransfer: Sendable {
  /// - Parameters:
  ///   - start: the first byte that is wanted.
  ///   - begin: is told what the server says; what it throws ends the transfer.
  ///   - receive: is given the bytes in order.
  ///   - arriving: is told how many bytes behind `start` have come to the device; they may be received later.
  func fetch(
    _ url: URL, token: String?, from start: Int, begin: @escaping HTTPFetch.Begin,
    receive: @escaping HTTPFetch.Receive, arriving: @escaping @Sendable (Int) -> Void
  ) async throws
}

/// Bytes are handed on as they come, while the app runs.
struct StreamedTransfer: FileTransfer {
  func fetch(
    _ url: URL, token: String?, from start: Int, begin: @escaping HTTPFetch.Begin,
    receive: @escaping HTTPFetch.Receive, arriving: @escaping @Sendable (Int) -> Void
  ) async throws {
    var had = 0
    let counting: HTTPFetch.Receive = {
      try receive($0)
      had += $0.count
      arriving(had)
    }
    try await HTTPFetch(url, token: token, from: start, begin: begin, receive: counting).run()
  }
}

/// One request, whose bytes are handed on as they come. The token is shown to the first host alone, not to those that it
/// redirects to. Everything happens on the session's own queue, one after the other.
final class HTTPFetch: NSObject, URLSessionDataDelegate, @unchecked Sendable {
  typealias Begin = (HTTPAnswer) throws -> Void
  typealias Receive = (Data) throws -> Void

  private let url: URL
  private let token: String?
  private let start: Int
  private let begin: Begin
  private let receive: Receive
  /// Where it has been redirected to, once the server has answered.
  private(set) var final: URL?
  private var failure: Error?
  private var continuation: CheckedContinuation<Void, Error>?
  private var task: URLSessionDataTask?
  private let lock = NSLock()
  private var cancelled = false

  init(_ url: URL, token: String?, from start: Int, begin: @escaping Begin, receive: @escaping Receive) {
    (self.url, self.token, self.start, self.begin, self.receive) = (url, token, start, begin, receive)
  }

  func run() async throws {
    var request = URLRequest(url: url, cachePolicy: .reloadIgnoringLocalCacheData, timeoutInterval: 20)
    // A range of packed bytes would be another one.
    request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
    if start > 0 { request.setValue("bytes=\(start)-", forHTTPHeaderField: "Range") }
    if let token { request.setValue("Bearer " + token, forHTTPHeaderField: "Authorization") }
    let queue = OperationQueue()
    queue.maxConcurrentOperationCount = 1
    let session = URLSession(configuration: .ephemeral, delegate: self, delegateQueue: queue)
    defer { session.finishTasksAndInvalidate() }
    let task = session.dataTask(with: request)
    self.task = task
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        queue.addOperation {
          self.continuation = continuation
          task.resume()
        }
      }
    } onCancel: {
      lock.withLock { cancelled = true }
      task.cancel()
    }
  }

  private var isCancelled: Bool { lock.withLock { cancelled } }

  private func stop(_ error: Error) {
    failure = failure ?? error
    task?.cancel()
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
  ) {
    do {
      final = response.url ?? url
      try begin(try HTTPAnswer(response, to: url, token: token))
      completionHandler(.allow)
    } catch {
      failure = failure ?? error
      completionHandler(.cancel)
    }
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    guard failure == nil, !isCancelled else { return }
    do { try receive(data) } catch { stop(error) }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
  ) {
    guard let to = request.url, to.scheme == "https" || to.scheme == url.scheme else {
      failure = DownloadError.refused("\(url.host ?? "") redirects to what is not safe")
      return completionHandler(nil)
    }
    var request = request
    let own = to.host == url.host && to.port == url.port
    request.setValue(own ? token.map { "Bearer " + $0 } : nil, forHTTPHeaderField: "Authorization")
    if start > 0 { request.setValue("bytes=\(start)-", forHTTPHeaderField: "Range") }
    request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
    completionHandler(request)
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: Error?) {
    if isCancelled {
      continuation?.resume(throwing: CancellationError())
    } else if let failure = failure ?? error {
      continuation?.resume(throwing: failure)
    } else {
      continuation?.resume()
    }
    continuation = nil
  }
}
