import CMmoe

/// Counts and times since the last prompt, measured inside the core.
public struct Stats: Equatable, Sendable {
  public let loadSeconds: Double
  /// From the start of the prompt until its first answer token was chosen.
  public let ttftSeconds: Double
  public let prefillTokens: Int
  public let prefillSeconds: Double
  public let decodeTokens: Int
  /// Inside the core: the caller's own time is not in it.
  public let decodeSeconds: Double
  /// The part of `decodeSeconds` inside the program.
  public let programSeconds: Double
  /// Tokens that speculative decoding guessed.
  public let draftedTokens: Int
  /// Those of them that were right; `decodeTokens` counts them, too.
  public let acceptedTokens: Int

  public var prefillTokensPerSecond: Double { prefillSeconds > 0 ? Double(prefillTokens) / prefillSeconds : 0 }
  public var decodeTokensPerSecond: Double { decodeSeconds > 0 ? Double(decodeTokens) / decodeSeconds : 0 }
}

/// What a session takes, known before it is opened. Beside it are some bytes for each token of the vocabulary and of the
/// context, and what a delegate (linears of XNNPACK) allocates by itself.
public struct SessionMemory: Equatable, Sendable {
  /// Mapped for the caches and activations of the program; a page takes memory once something is written to it.
  public let plannedBytes: UInt64
  /// The part of it that the tokens of the context fill; 0 if a delegate keeps the caches to itself.
  public let cacheBytes: UInt64
  /// Mapped beside it from the first `Session.setSpeculation` on.
  public let speculationBytes: UInt64
}

/// Resident memory of this process, in bytes.
public struct Memory: Equatable, Sendable {
  /// Heap, KV caches, activations; on Apple systems what the memory limit counts.
  public let anonymousBytes: UInt64
  /// Pages of mapped files, the experts among them.
  public let fileBytes: UInt64
  public let peakAnonymousBytes: UInt64
  public let peakFileBytes: UInt64
  public let peakBytes: UInt64

  public static func now() throws -> Memory {
    var memory = mmoe_memory()
    mmoe_memory_init(&memory)
    try check(mmoe_memory_get(&memory))
    return Memory(
      anonymousBytes: memory.anonymous_bytes, fileBytes: memory.file_bytes,
      peakAnonymousBytes: memory.peak_anonymous_bytes, peakFileBytes: memory.peak_file_bytes,
      peakBytes: memory.peak_bytes)
  }
}
