import Foundation
import MmoeDownload

/// An artifact folder in the app's storage.
public struct Artifact: Identifiable, Equatable, Sendable {
  public enum Processor: String, Sendable {
    case cpu = "CPU"
    case gpu = "GPU"
  }

  public let folder: URL
  public let backend: String
  public let programBytes: Int
  let programSHA256: String

  public var id: URL { folder }
  public var name: String { folder.lastPathComponent }
  public var processor: Processor { backend == "mlx" ? .gpu : .cpu }
  var program: URL { folder.appendingPathComponent("model.pte") }

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
    backend = manifest.backend.name
    let program = try? ArtifactFile.list(data, place: folder.path).first { $0.name == "model.pte" }
    (programBytes, programSHA256) = (program?.bytes ?? 0, program?.sha256 ?? "")
  }
}

/// The artifacts that the user has copied into the app.
public struct ArtifactStore: Sendable {
  let root: URL
  private let freeBytes: @Sendable (URL) -> Int

  private static let partial = ".partial-"
  private static let pieceBytes = 4 << 20

  public init(root: URL, freeBytes: @escaping @Sendable (URL) -> Int = ArtifactDownload.freeBytes) {
    (self.root, self.freeBytes) = (root, freeBytes)
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

  public func delete(_ artifact: Artifact) throws { try FileManager.default.removeItem(at: artifact.folder) }

  /// Copies a folder that the file picker gave; under a temporary name until it is whole. It blocks, and ends when its task is
  /// cancelled.
  public func add(
    _ source: URL, _ progress: (_ doneBytes: Int, _ totalBytes: Int) -> Void = { _, _ in }
  ) throws -> Artifact {
    let scoped = source.startAccessingSecurityScopedResource()
    defer { if scoped { source.stopAccessingSecurityScopedResource() } }
    guard Artifact(folder: source) != nil else { throw ArtifactStoreError.noManifest(source.lastPathComponent) }
    let manager = FileManager.default
    let files = try manager.contentsOfDirectory(at: source, includingPropertiesForKeys: nil).map { file in
      (file, (try manager.attributesOfItem(atPath: file.path)[.size] as? NSNumber)?.intValue ?? 0)
    }
    let total = files.reduce(0) { $0 + $1.1 }
    try manager.createDirectory(at: root, withIntermediateDirectories: true)
    guard freeBytes(root) >= total else { throw ArtifactStoreError.noRoom(source.lastPathComponent, total) }
    let target = root.appendingPathComponent(source.lastPathComponent)
    let partial = root.appendingPathComponent(Self.partial + source.lastPathComponent)
    try? manager.removeItem(at: partial)
    defer { try? manager.removeItem(at: partial) }
    try manager.createDirectory(at: partial, withIntermediateDirectories: false)
    try excludeFromBackup(partial)
    var done = 0
    for (file, _) in files {
      try copy(file, to: partial.appendingPathComponent(file.lastPathComponent)) {
        done += $0
        progress(done, total)
      }
    }
    try? manager.removeItem(at: target)
    try manager.moveItem(at: partial, to: target)
    guard let artifact = Artifact(folder: target) else { throw ArtifactStoreError.noManifest(target.lastPathComponent) }
    return artifact
  }

  private func copy(_ file: URL, to copy: URL, _ progress: (Int) -> Void) throws {
    let from = try FileHandle(forReadingFrom: file)
    defer { try? from.close() }
    try Data().write(to: copy)
    let to = try FileHandle(forWritingTo: copy)
    defer { try? to.close() }
    while let piece = try from.read(upToCount: Self.pieceBytes), !piece.isEmpty {
      try Task.checkCancellation()
      try to.write(contentsOf: piece)
      progress(piece.count)
    }
    // It is renamed next; a whole name must stand for whole bytes when the power fails.
    try to.synchronize()
  }
}

public enum ArtifactStoreError: Error, Equatable, CustomStringConvertible {
  case noManifest(String)
  case noRoom(String, Int)

  public var description: String {
    switch self {
    case .noManifest(let name): "\(name) has no mmoe.json: pick a folder that mmoe-export convert wrote"
    case .noRoom(let name, let bytes): "\(name) needs \(bytes / 1_000_000) MB, more than is free: delete a model first"
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
