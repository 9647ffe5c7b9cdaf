import Foundation

/// A file as `mmoe.json` names it.
public struct ArtifactFile: Equatable, Sendable {
  public let name: String
  public let bytes: Int
  public let sha256: String

  private struct Manifest: Decodable {
    struct Record: Decodable {
      let bytes: Int
      let sha256: String
    }
    let files: [String: Record]
  }

  /// The files that a manifest lists, by name; `place` is for the message.
  public static func list(_ manifest: Data, place: String) throws -> [ArtifactFile] {
    let files: [String: Manifest.Record]
    do {
      files = try JSONDecoder().decode(Manifest.self, from: manifest).files
    } catch {
      throw DownloadError.noArtifact("\(place) is no artifact: its mmoe.json lists no files")
    }
    return try files.sorted { $0.key < $1.key }.map { name, record in
      // They become names of files on this device.
      let harmless = !name.isEmpty && !name.hasPrefix(".") && !name.hasPrefix("mmoe.json") && !name.contains("/")
      guard harmless, record.bytes >= 0, record.sha256.wholeMatch(of: /[0-9a-f]{64}/) != nil else {
        throw DownloadError.noArtifact("\(place) is no artifact: its mmoe.json lists a file \"\(name)\" that cannot be")
      }
      return ArtifactFile(name: name, bytes: record.bytes, sha256: record.sha256)
    }
  }
}
