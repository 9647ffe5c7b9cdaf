import Foundation

/// What is left of a conversation when the process ends: the transcript as JSON, and beside it the model's context, so that its
/// tokens need not be run again.
struct SavedConversation: Codable, Equatable {
  struct Said: Codable, Equatable {
    let question: String
    let answer: String
    let isSeen: Bool
  }

  let artifact: String
  let said: [Said]

  init(artifact: String, _ turns: [Turn]) {
    self.artifact = artifact
    said = turns.map { Said(question: $0.question, answer: $0.answer, isSeen: $0.isSeen) }
  }

  var turns: [Turn] {
    said.enumerated().map {
      Turn(id: $0.offset, question: $0.element.question, answer: $0.element.answer, isSeen: $0.element.isSeen)
    }
  }
}

/// Where the app keeps what is not an artifact.
public struct StateFolder: Sendable {
  let folder: URL

  public init(_ folder: URL) {
    self.folder = folder
  }

  var settings: URL { folder.appendingPathComponent("settings.json") }
  /// Large, and of no use on another device.
  var context: URL { folder.appendingPathComponent("context.mmoe") }
  /// What has come while nobody waited for it.
  var downloads: URL { folder.appendingPathComponent("downloads") }
  private var conversation: URL { folder.appendingPathComponent("conversation.json") }

  func load() -> SavedConversation? {
    guard let data = try? Data(contentsOf: conversation) else { return nil }
    return try? JSONDecoder().decode(SavedConversation.self, from: data)
  }

  func save(_ saved: SavedConversation) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try JSONEncoder().encode(saved).write(to: conversation, options: .atomic)
  }

  func clear() {
    for file in [conversation, context] { try? FileManager.default.removeItem(at: file) }
  }
}
