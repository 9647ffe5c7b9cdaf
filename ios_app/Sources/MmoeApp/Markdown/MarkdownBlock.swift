/// A piece of an answer that a view of its own shows.
public struct MarkdownBlock: Equatable, Sendable {
  public enum Kind: String, Sendable {
    case paragraph, heading, quote, code, rule
    case listItem = "list_item"
  }

  public let kind: Kind
  /// Of a heading 1 to 6; of others how many list items they are inside of.
  public var level = 0
  /// Of an item: a bullet, or the number as it was written.
  public var marker = ""
  public var language = ""
  /// It goes on with the block in front, which was too long for one view.
  public var isContinued = false
  /// With its inline marks, without those of the block.
  public internal(set) var text = ""

  /// What VoiceOver says of it.
  public var spoken: String { kind == .listItem && marker.first?.isNumber == true ? "\(marker) \(text)" : text }
}
