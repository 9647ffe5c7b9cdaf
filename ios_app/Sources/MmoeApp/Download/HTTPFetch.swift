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
      try begin(try answer(response))
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

  private func answer(_ response: URLResponse) throws -> HTTPAnswer {
    guard let http = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
    let host = url.host ?? "the server"
    switch http.statusCode {
    case 200:
      let length = http.value(forHTTPHeaderField: "Content-Length").flatMap { Int($0) }
      return HTTPAnswer(from: 0, total: length)
    case 206:
      let range = http.value(forHTTPHeaderField: "Content-Range") ?? ""
      guard let match = range.wholeMatch(of: /bytes (\d+)-\d+\/(\d+|\*)/) else { throw URLError(.badServerResponse) }
      return HTTPAnswer(from: Int(match.1), total: Int(match.2))
    case 416: return HTTPAnswer(from: nil, total: nil)
    case 401, 403:
      let why = token == nil ? "it needs a token" : "the token has no access"
      throw DownloadError.refused("\(host) refuses \(url.lastPathComponent) (\(http.statusCode)): \(why)")
    case 404, 410:
      throw DownloadError.notFound(url.deletingLastPathComponent().absoluteString, url.lastPathComponent)
    default: throw URLError(.badServerResponse)
    }
  }
}
