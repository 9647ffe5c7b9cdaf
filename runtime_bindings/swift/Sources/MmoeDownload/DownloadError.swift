import Foundation

/// Why a download ended, as a sentence for people. What has come stays, unless it was wrong.
public enum DownloadError: Error, Equatable, CustomStringConvertible {
  case address(String)
  case notFound(String, String)
  case refused(String)
  case noArtifact(String)
  case damaged(String)
  case noRoom(String)
  case unreachable(String)

  public var description: String {
    switch self {
    case .address(let text): "\"\(text)\" is neither the http(s) address of a folder nor a hub id such as owner/name"
    case .notFound(let folder, let name): "\(folder) has no \(name)"
    case .refused(let why), .noArtifact(let why), .damaged(let why), .noRoom(let why): why
    case .unreachable(let why): "The download stopped: \(why)"
    }
  }
}
