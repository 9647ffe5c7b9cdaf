import Foundation

/// A model that can be had.
public struct CatalogueEntry: Equatable, Sendable, Identifiable {
  public let name: String
  /// Of its artifact, for `ArtifactAddress`; nil if nobody is known to publish one: it is made of `base` with
  /// `mmoe-export convert`.
  public let address: String?
  /// The hub id of the checkpoint that it is made from.
  public let base: String?
  /// Of the checkpoint, by its name.
  public let licence: String?
  /// Whether the download needs a token.
  public let gated: Bool
  /// Of the whole artifact.
  public let bytes: Int?

  public var id: String { name }
}

/// A list of models as JSON: an object with "models", an array of objects with "name" and the other properties of
/// `CatalogueEntry`. An address that begins with "./" is relative to the list's own, so that a folder of artifacts can be served
/// with its list anywhere.
public enum Catalogue {
  private static let mostBytes = 1 << 20

  private struct List: Decodable {
    struct Model: Decodable {
      let name: String?
      let address: String?
      let base: String?
      let licence: String?
      let gated: Bool?
      let bytes: Int?
    }
    let models: [Model]
  }

  /// - Parameter place: the list's own address.
  /// - Throws: `DownloadError.noArtifact`.
  public static func read(_ text: Data, from place: URL) throws -> [CatalogueEntry] {
    func refused(_ why: String) -> DownloadError {
      .noArtifact("\(place.absoluteString) is no list of models: \(why)")
    }
    guard let list = try? JSONDecoder().decode(List.self, from: text) else {
      throw refused("it has no \"models\" that are objects")
    }
    return try list.models.map { model in
      let name = (model.name ?? "").trimmingCharacters(in: .whitespaces)
      guard !name.isEmpty else { throw refused("a model has no \"name\"") }
      guard model.address != nil || model.base != nil else {
        throw refused("\(name) has neither \"address\" nor \"base\"")
      }
      let address = try model.address.map { given in
        let relative = given.hasPrefix("./") ? URL(string: given, relativeTo: place)?.absoluteString : given
        guard let relative, (try? ArtifactAddress(relative)) != nil else {
          throw refused("\(name) has no address that can be used")
        }
        return relative
      }
      return CatalogueEntry(
        name: name, address: address, base: model.base, licence: model.licence, gated: model.gated ?? false,
        bytes: model.bytes.flatMap { $0 >= 0 ? $0 : nil })
    }
  }

  /// Brings a list from a server.
  /// - Throws: `DownloadError`.
  public static func fetch(_ address: String, token: String?) async throws -> [CatalogueEntry] {
    let trimmed = address.trimmingCharacters(in: .whitespacesAndNewlines)
    guard let url = URL(string: trimmed), ["http", "https"].contains(url.scheme ?? ""), url.host != nil else {
      throw DownloadError.address(trimmed)
    }
    var text = Data()
    let receive: HTTPFetch.Receive = {
      text.append($0)
      if text.count > mostBytes { throw DownloadError.noArtifact("\(trimmed) is no list of models: it is too long") }
    }
    do {
      try await HTTPFetch(url, token: token, from: 0, begin: { _ in }, receive: receive).run()
    } catch let error as DownloadError {
      throw error
    } catch {
      throw DownloadError.unreachable(error.localizedDescription)
    }
    return try read(text, from: url)
  }
}
