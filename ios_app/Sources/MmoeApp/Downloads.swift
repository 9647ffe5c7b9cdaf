import Foundation
import MmoeDownload
import Observation

/// A download that has not ended.
public struct Download: Identifiable, Equatable, Sendable {
  public let name: String
  public let address: String
  public var doneBytes = 0
  /// 0 before the server has said it.
  public var totalBytes = 0
  public var running = false
  /// Why it stopped by itself.
  public var problem: String?

  public var id: String { name }
  public var share: Double { totalBytes > 0 ? Double(doneBytes) / Double(totalBytes) : 0 }
}

/// The downloads into the app's storage: those of an earlier process are there, paused. One runs at a time; another one
/// waits until it is asked for again.
@MainActor @Observable
public final class Downloads {
  public private(set) var downloads: [Download]
  /// What is wrong with an address; setting it to nil dismisses it.
  public var refusal: String?
  /// What the catalogue that was asked for last has.
  public private(set) var catalogue: [CatalogueEntry] = []

  private let root: URL
  private let transfer: DownloadTransfer
  private let onArrival: () -> Void
  private var work: Task<Void, Never>?

  init(root: URL, transfer: DownloadTransfer = .streamed, onArrival: @escaping () -> Void) {
    (self.root, self.transfer) = (root, transfer)
    self.onArrival = onArrival
    downloads = ArtifactDownload.unfinished(in: root).sorted { $0.key < $1.key }.map {
      Download(name: $0.key, address: $0.value)
    }
  }

  public var running: Download? { downloads.first(where: \.running) }

  /// Starts one from what somebody typed, see `ArtifactAddress`.
  public func add(_ text: String, token: String) {
    do {
      let address = try ArtifactAddress(text)
      if running?.name != address.name {
        downloads.removeAll { $0.name == address.name }
        downloads.append(Download(name: address.name, address: text))
      }
      refusal = nil
      resume(address.name, token: token)
    } catch {
      refusal = "\(error)"
    }
  }

  /// Shows the list behind an address that somebody typed.
  public func show(_ address: String, token: String) {
    Task { await browse(address, token: token) }
  }

  func browse(_ address: String, token: String) async {
    do {
      catalogue = try await Catalogue.fetch(address, token: token.isEmpty ? nil : token)
      refusal = nil
    } catch {
      (catalogue, refusal) = ([], "\(error)")
    }
  }

  /// Goes on with a paused one; the token is kept nowhere.
  public func resume(_ name: String, token: String) {
    guard running == nil, let download = downloads.first(where: { $0.name == name }) else { return }
    change(name) { ($0.running, $0.problem) = (true, nil) }
    let target = root.appendingPathComponent(name)
    work = Task {
      var problem: String?
      do {
        let transfer = ArtifactDownload(
          try ArtifactAddress(download.address), into: target, token: token.isEmpty ? nil : token, transfer: transfer)
        try await transfer.run { done, total in
          Task { @MainActor [weak self] in self?.change(name) { ($0.doneBytes, $0.totalBytes) = (done, total) } }
        }
        downloads.removeAll { $0.name == name }
        onArrival()
      } catch is CancellationError {
        // Paused.
      } catch {
        problem = "\(error)"
      }
      change(name) { ($0.running, $0.problem) = (false, problem) }
    }
  }

  /// Stops the one that runs; what has come stays.
  public func pause() { work?.cancel() }

  /// Deletes what has come of one.
  public func delete(_ name: String) {
    let ending = running?.name == name ? work : nil
    let folder = ArtifactDownload.unfinishedFolder(root.appendingPathComponent(name))
    Task {
      ending?.cancel()
      await ending?.value
      await Task.detached { try? FileManager.default.removeItem(at: folder) }.value
      downloads.removeAll { $0.name == name }
    }
  }

  /// Waits until what was started is over.
  public func finished() async { await work?.value }

  private func change(_ name: String, _ change: (inout Download) -> Void) {
    guard let index = downloads.firstIndex(where: { $0.name == name }) else { return }
    change(&downloads[index])
  }
}
