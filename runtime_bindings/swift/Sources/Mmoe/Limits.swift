import CMmoe

/// What ends a text besides the model itself and the end of its context.
public struct Limits: Equatable, Sendable {
  /// The text ends before the first of these: the one that is complete first, of several that are the longest. Special
  /// tokens have no text that one could be in.
  public var stop: [String]
  /// Until there are so many tokens, no stop token is chosen and no stop string looked for.
  public var minNewTokens: Int
  /// Tokens at most; nil for no limit.
  public var maxNewTokens: Int?

  public init(stop: [String] = [], minNewTokens: Int = 0, maxNewTokens: Int? = nil) {
    self.stop = stop
    self.minNewTokens = minNewTokens
    self.maxNewTokens = maxNewTokens
  }

  /// Gives `body` what the core takes, which lives until it returns.
  func withCore<Value>(_ body: (UnsafePointer<mmoe_limits>) throws -> Value) throws -> Value {
    // -1 is the core's word for no limit.
    if let maxNewTokens, maxNewTokens < 0 {
      throw MmoeError(code: .invalidArgument, message: "maxNewTokens must not be negative, not \(maxNewTokens)")
    }
    var limits = mmoe_limits()
    mmoe_limits_init(&limits)
    limits.min_new_tokens = Int64(minNewTokens)
    limits.max_new_tokens = maxNewTokens.map(Int64.init) ?? -1
    let texts = stop.map { Array($0.utf8CString) }
    var array: [mmoe_text] = []
    func nest(_ index: Int) throws -> Value {
      guard index < texts.count else {
        return try array.withUnsafeBufferPointer { stops in
          limits.stop = stops.baseAddress
          limits.stop_count = stops.count
          return try body(&limits)
        }
      }
      return try texts[index].withUnsafeBufferPointer { text in
        array.append(mmoe_text(bytes: text.baseAddress, count: text.count - 1))
        return try nest(index + 1)
      }
    }
    return try nest(0)
  }
}
