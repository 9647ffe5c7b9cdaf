import CMmoe

/// What a text must be: JSON of a schema, a text of a grammar, or anything.
struct Grammar: Sendable {
  let jsonSchema: String?
  let grammar: String?

  /// Gives `body` what the core takes, which lives until it returns.
  func withCore(_ body: (Int32, UnsafePointer<CChar>?, Int) -> mmoe_status) throws {
    guard jsonSchema == nil || grammar == nil else {
      throw MmoeError(code: .invalidArgument, message: "give jsonSchema or grammar, not both")
    }
    guard var text = jsonSchema ?? grammar else { return try check(body(Int32(MMOE_GRAMMAR_NONE.rawValue), nil, 0)) }
    let kind = jsonSchema == nil ? MMOE_GRAMMAR_GBNF : MMOE_GRAMMAR_JSON_SCHEMA
    try text.withUTF8 { bytes in
      try bytes.withMemoryRebound(to: CChar.self) { chars in
        try check(body(Int32(kind.rawValue), chars.baseAddress, chars.count))
      }
    }
  }
}
