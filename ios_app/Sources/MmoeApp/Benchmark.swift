import Foundation
import Mmoe

/// The MobileMoE paper's protocol for phones, and the document that `mmoe-export bench --compare` reads.
public enum Benchmark {
  public static let promptLengths = [256, 1024, 4096, 8192]
  public static let decodeTokens = 128
  public static let rounds = 3
  public static let sustainedSeconds = 600.0

  public enum Prompt: String, CaseIterable, Sendable {
    /// The bundled text: real words, as a user's are.
    case text
    /// One sentence with slots that change: fewer experts are touched.
    case templated
  }

  /// What is measured.
  public struct Plan: Equatable, Sendable {
    public var prompts: [Prompt] = Prompt.allCases
    public var lengths = promptLengths
    public var decodeTokens = Benchmark.decodeTokens
    public var rounds = Benchmark.rounds
    /// 0 for none of it.
    public var sustainedSeconds = 0.0
    /// Time of one point of the sustained curve.
    public var pointSeconds = 10.0

    public init(sustained: Bool = false) {
      sustainedSeconds = sustained ? Benchmark.sustainedSeconds : 0
    }

    /// The lengths that fit a context with room for decoding; the one that would fill it is shortened.
    public func fitting(_ context: Int) -> [Int] {
      lengths.filter { $0 <= context }.map { min($0, context - decodeTokens) }.filter { $0 > 0 }
    }
  }

  public struct Progress: Equatable, Sendable {
    public internal(set) var done = 0
    public internal(set) var total = 1
    /// In the sustained mode: its speed so far.
    public internal(set) var points: [Point] = []
  }

  public enum Failure: Error, CustomStringConvertible {
    case contextTooShort(Int)

    public var description: String {
      switch self {
      case .contextTooShort(let context): "The context of \(context) tokens is too short for the benchmark's prompts"
      }
    }
  }

  /// How the device was at a moment; nil for what it does not tell.
  public struct Conditions: Equatable, Sendable {
    public var thermalState: String?
    public var batteryLevel: Double?
    public var charging: Bool?
  }

  /// All rounds of one prompt length.
  public struct Test: Equatable, Identifiable, Sendable {
    public let prompt: Prompt
    public let tokens: Int
    public internal(set) var ttftSeconds: [Double] = []
    public internal(set) var prefillTokensPerSecond: [Double] = []
    public internal(set) var decodeTokensPerSecond: [Double] = []

    public var id: String { "\(prompt.rawValue) \(tokens)" }
  }

  /// Speed over a while of the sustained mode.
  public struct Point: Equatable, Identifiable, Sendable {
    /// Its end, since the beginning.
    public let seconds: Double
    public let tokensPerSecond: Double
    public let thermalState: String?

    public var id: Double { seconds }
  }

  public struct Report: Equatable, Sendable {
    public let device: Device
    public let artifact: Artifact
    public let threads: Int
    public let plan: Plan
    public let context: Int
    public let before: Conditions
    public let after: Conditions
    /// Nil where the program's pages were in memory before.
    public let coldLoadSeconds: Double?
    public let warmLoadSeconds: Double
    public let memory: Memory
    public let tests: [Test]
    public let sustained: [Point]

    /// export/bench/benchmark.schema.json says what each field is.
    public func json() throws -> Data {
      let fitting = plan.fitting(context)
      let object: [String: Any] = [
        "schema": "mmoe-benchmark",
        "schema_version": 2,
        "engine": ["version": Model.libraryVersion],
        "device": [
          "name": device.name, "soc": device.soc, "system": device.system, "cores": device.cores,
          "memory_bytes": device.memoryBytes,
        ],
        "protocol": [
          "prompt_lengths": fitting, "depths": fitting, "not_fitting": plan.lengths.filter { $0 > context },
          "decode_tokens": plan.decodeTokens, "rounds": plan.rounds, "threads": threads,
        ],
        "before": Self.object(before),
        "after": Self.object(after),
        "models": [
          [
            "artifact": [
              "name": artifact.name, "backend": artifact.backend, "program_sha256": artifact.programSHA256,
              "program_bytes": artifact.programBytes,
            ],
            "isa": NSNull(),
            "loads": ["cold_ms": orNull(coldLoadSeconds.map { $0 * 1000 }), "warm_ms": warmLoadSeconds * 1000],
            "memory": [
              "peak_bytes": memory.peakBytes, "peak_anonymous_bytes": memory.peakAnonymousBytes,
              "peak_file_bytes": memory.peakFileBytes,
            ],
            "tests": tests.flatMap(Self.objects),
            "sustained": sustained.isEmpty
              ? NSNull()
              : [
                "prompt": Prompt.text.rawValue, "prompt_tokens": fitting[0],
                "points": sustained.map {
                  [
                    "seconds": $0.seconds, "tokens_per_second": $0.tokensPerSecond,
                    "thermal_state": orNull($0.thermalState),
                  ]
                },
              ] as [String: Any],
          ] as [String: Any]
        ],
      ]
      return try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys])
    }

    private static func object(_ conditions: Conditions) -> [String: Any] {
      [
        "thermal_state": orNull(conditions.thermalState), "battery_level": orNull(conditions.batteryLevel),
        "charging": orNull(conditions.charging),
      ]
    }

    private static func objects(_ test: Test) -> [[String: Any]] {
      func object(_ phase: String, _ samples: [Double]) -> [String: Any] {
        [
          "prompt": test.prompt.rawValue, "phase": phase, "tokens": test.tokens,
          "tokens_per_second": ["samples": samples],
        ]
      }
      var prefill = object("prefill", test.prefillTokensPerSecond)
      prefill["seconds"] = median(test.ttftSeconds)
      return [prefill, object("decode", test.decodeTokensPerSecond)]
    }
  }

  public static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  /// So many tokens of a text, from its beginning and over again.
  static func tokens(_ ids: [Int32], _ count: Int) -> [Int32] { (0..<count).map { ids[$0 % ids.count] } }

  /// The sentence of `mmoe-export profile`, with other names and numbers each time.
  static func templated(_ count: Int) -> String {
    let (names, things) = (["Anna", "Ben", "Clara", "David"], ["apples", "books", "coins"])
    return (0..<count).map { number in
      let (name, thing) = (names[number % names.count], things[number % things.count])
      return "Question: \(name) has \(2 + number % 7) \(thing) and buys \(1 + number % 5) more. "
        + "How many \(thing) does \(name) have now?\nAnswer:"
    }.joined(separator: "\n")
  }
}

private func orNull(_ value: Any?) -> Any { value ?? NSNull() }
