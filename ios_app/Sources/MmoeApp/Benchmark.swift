import Foundation
import Mmoe

/// The paper's protocol: prompts of 256, 1K, 4K and 8K tokens, then decoding at that depth.
public enum Benchmark {
  public static let promptLengths = [256, 1024, 4096, 8192]
  public static let decodeTokens = 128

  public struct Test: Codable, Equatable, Identifiable, Sendable {
    public let promptTokens: Int
    public let ttftSeconds: Double
    public let prefillTokensPerSecond: Double
    public let decodeTokensPerSecond: Double

    public var id: Int { promptTokens }
  }

  /// What its JSON shares with that of `mmoe-export bench` and of the Android app has the same names.
  public struct Report: Codable, Equatable, Sendable {
    public let model: String
    public let processor: String
    public let threads: Int
    public let loadSeconds: Double
    public let peakBytes: UInt64
    public let peakAnonymousBytes: UInt64
    public let peakFileBytes: UInt64
    public let decodeTokens: Int
    public let tests: [Test]

    public func json() throws -> Data {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      encoder.keyEncodingStrategy = .convertToSnakeCase
      return try encoder.encode(self)
    }
  }

  /// The lengths that fit a context with room for decoding; the one that would fill it is shortened.
  public static func lengths(context: Int) -> [Int] {
    promptLengths.filter { $0 <= context }.map { min($0, context - decodeTokens) }.filter { $0 > 0 }
  }

  /// Real words, because a repeated template would touch fewer experts than a user's text does.
  public static func prompt(_ ids: [Int32], length: Int) -> [Int32] {
    (0..<length).map { ids[$0 % ids.count] }
  }
}
