import Foundation

/// Where an artifact's files are: a folder of any static server, or of the Hugging Face hub.
public struct ArtifactAddress: Equatable, Sendable, CustomStringConvertible {
  /// Ends with a slash.
  public let folder: URL
  /// What the artifact is called.
  public let name: String

  public var description: String { folder.absoluteString }

  /// - Parameter text: the URL of a folder, a hub id, `owner/name` or `owner/name@revision`, or the address of its page.
  /// - Throws: `DownloadError.address`.
  public init(_ text: String) throws {
    let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
    let id = /([\w.-]+)\/([\w.-]+)(?:@([\w.\/-]+))?/
    let page = /https:\/\/huggingface\.co\/([\w.-]+)\/([\w.-]+)(?:\/tree\/([\w.\/-]+?))?\/?/
    if let hub = trimmed.wholeMatch(of: id)?.output ?? trimmed.wholeMatch(of: page)?.output,
      let folder = URL(string: "https://huggingface.co/\(hub.1)/\(hub.2)/resolve/\(hub.3 ?? "main")/")
    {
      (self.folder, name) = (folder, String(hub.2))
      return
    }
    guard let parts = URLComponents(string: trimmed), ["http", "https"].contains(parts.scheme ?? ""),
      let host = parts.host, !host.isEmpty, parts.query == nil
    else { throw DownloadError.address(trimmed) }
    var path = parts.percentEncodedPath
    if path.hasSuffix("/mmoe.json") { path.removeLast("/mmoe.json".count) }
    while path.hasSuffix("/") { path.removeLast() }
    var cleaned = parts
    cleaned.percentEncodedPath = path + "/"
    cleaned.fragment = nil
    guard let folder = cleaned.url else { throw DownloadError.address(trimmed) }
    let last = (path.removingPercentEncoding ?? path).split(separator: "/").last.map(String.init) ?? host
    let name = String(last.drop { $0 == "." })
    (self.folder, self.name) = (folder, name.isEmpty ? host : name)
  }

  func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
}
