import Foundation

/// An artifact folder in the app's storage.
public struct Artifact: Identifiable, Equatable, Sendable {
  public enum Processor: String, Sendable {
    case cpu = "CPU"
    case gpu = "GPU"
  }

  public let folder: URL
  public let processor: Processor

  public var id: URL { folder }
  public var name: String { folder.lastPathComponent }

  private struct Manifest: Decodable {
    struct Backend: Decodable { let name: String }
    let backend: Backend
  }

  /// Nil for a folder without a readable mmoe.json.
  public init?(folder: URL) {
    guard let data = try? Data(contentsOf: folder.appendingPathComponent("mmoe.json")),
      let manifest = try? JSONDecoder().decode(Manifest.self, from: data)
    else { return nil }
    self.folder = folder
    processor = manifest.backend.name == "mlx" ? .gpu : .cpu
  }
}

/// The artifacts that the user has copied into the app.
public struct ArtifactStore: Sendable {
  let root: URL

  private static let partial = ".partial-"

  public init(root: URL) {
    self.root = root
    // What a process left that was ended while it copied.
    for folder in folders() where folder.lastPathComponent.hasPrefix(Self.partial) {
      try? FileManager.default.removeItem(at: folder)
    }
  }

  private func folders() -> [URL] {
    (try? FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: nil)) ?? []
  }

  public func list() -> [Artifact] {
    let unfinished = Set(
      ArtifactDownload.unfinished(in: root).keys.map {
        ArtifactDownload.unfinishedFolder(root.appendingPathComponent($0)).lastPathComponent
      })
    return folders().filter { !$0.lastPathComponent.hasPrefix(".") && !unfinished.contains($0.lastPathComponent) }
      .compactMap(Artifact.init).sorted { $0.name < $1.name }
  }

  /// Copies a folder that the file picker gave; under a temporary name until it is whole.
  public func add(_ source: URL) throws -> Artifact {
    let scoped = source.startAccessingSecurityScopedResource()
    defer { if scoped { source.stopAccessingSecurityScopedResource() } }
    guard Artifact(folder: source) != nil else { throw ArtifactStoreError.noManifest(source.lastPathComponent) }
    let files = FileManager.default
    try files.createDirectory(at: root, withIntermediateDirectories: true)
    let target = root.appendingPathComponent(source.lastPathComponent)
    let partial = root.appendingPathComponent(Self.partial + source.lastPathComponent)
    try? files.removeItem(at: partial)
    defer { try? files.removeItem(at: partial) }
    try files.copyItem(at: source, to: partial)
    #if canImport(Darwin)
      // It can be made again, and would fill the user's backup.
      var values = URLResourceValues()
      values.isExcludedFromBackup = true
      var copied = partial
      try copied.setResourceValues(values)
    #endif
    try? files.removeItem(at: target)
    try files.moveItem(at: partial, to: target)
    guard let artifact = Artifact(folder: target) else { throw ArtifactStoreError.noManifest(target.lastPathComponent) }
    return artifact
  }
}

public enum ArtifactStoreError: Error, Equatable, CustomStringConvertible {
  case noManifest(String)

  public var description: String {
    switch self {
    case .noManifest(let name): "\(name) has no mmoe.json: pick a folder that mmoe-export convert wrote"
    }
  }
}

#if !canImport(Darwin)
  extension URL {
    // Foundation on Linux has no sandbox, and so no scopes.
    func startAccessingSecurityScopedResource() -> Bool { false }
    func stopAccessingSecurityScopedResource() {}
  }
#endif
