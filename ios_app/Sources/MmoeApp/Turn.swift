import Foundation
import Mmoe

/// What an answer cost.
public struct Figures: Equatable, Sendable {
  public let stats: Stats
  public let memory: Memory
  public let loadSeconds: Double
  public let threads: Int
  /// How often each expert of each MoE layer was chosen; empty where the program does not tell.
  public let experts: [[UInt64]]
}

/// A question and what the model made of it so far.
public struct Turn: Identifiable, Sendable {
  public let id: Int
  public let question: String
  public private(set) var answer = ""
  private var markdown = MarkdownStream()
  /// Whether it is part of what the model is given: it failed or was left out otherwise.
  public internal(set) var isSeen = true
  public internal(set) var figures: Figures?

  public var blocks: [MarkdownBlock] { markdown.blocks }

  init(id: Int, question: String, answer: String = "", isSeen: Bool = true) {
    (self.id, self.question, self.isSeen) = (id, question, isSeen)
    append(answer)
  }

  mutating func append(_ text: String) {
    answer += text
    markdown.append(text)
  }
}
