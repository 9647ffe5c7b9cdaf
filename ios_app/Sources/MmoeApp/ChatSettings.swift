import Foundation
import Mmoe

/// What a user has chosen for all conversations; kept from start to start.
public struct ChatSettings: Codable, Equatable, Sendable {
  public var systemPrompt = ""
  /// Nil samples as the artifact recommends.
  public var sampling: SamplingChoice?
  /// Of an answer at most; 0 for no limit.
  public var maxNewTokens = 0
  /// 0 is the runtime's choice.
  public var threads = 0
  /// The address of a catalogue, if the user has one.
  public var catalogue = ""

  public init() {}

  /// Nil for what is no file of settings.
  init?(file: URL) {
    guard let data = try? Data(contentsOf: file), let read = try? JSONDecoder().decode(Self.self, from: data) else {
      return nil
    }
    self = read
  }

  func write(to file: URL) throws {
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try JSONEncoder().encode(self).write(to: file, options: .atomic)
  }
}

/// The part of `Sampling` that the sheet has.
public struct SamplingChoice: Codable, Equatable, Sendable {
  public var temperature: Float
  public var topK: Int
  public var topP: Float
  public var minP: Float
  public var repetitionPenalty: Float
  public var seed: UInt64

  public init(_ sampling: Sampling) {
    (temperature, topK, topP) = (sampling.temperature, sampling.topK, sampling.topP)
    (minP, repetitionPenalty, seed) = (sampling.minP, sampling.repetitionPenalty, sampling.seed)
  }

  public var sampling: Sampling {
    Sampling(
      temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: repetitionPenalty, seed: seed)
  }
}
