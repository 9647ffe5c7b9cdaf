import CMmoe

/// One turn of a conversation.
public struct Message: Equatable, Sendable {
  public enum Role: String, Sendable {
    case system, user, assistant
  }

  public var role: Role
  public var content: String

  public init(_ role: Role, _ content: String) {
    self.role = role
    self.content = content
  }
}

/// An artifact folder that `mmoe-export convert` wrote, opened: its program mapped, its tokenizer loaded.
///
/// A model may be used from any thread; it closes when the last reference and the last session are gone.
public final class Model: Sendable {
  public struct Info: Equatable, Sendable {
    public let vocabSize: Int
    /// Tokens per call of the program: the prefill chunk.
    public let maxSeqLen: Int
    /// Tokens the KV cache holds.
    public let maxContextLen: Int
    public let layers: Int
    /// The token that begins a text; nil if there is none.
    public let bosID: Int32?
    public let threads: Int
    public let hasChat: Bool
    public let loadSeconds: Double
    public let programBytes: UInt64
  }

  let handle: mmoe_model
  public let info: Info

  /// Opens a folder.
  ///
  /// - Parameters:
  ///   - folder: its path.
  ///   - threads: of the pool that all models of the process share; 0 leaves it as it is.
  ///   - verifyChecksums: whether to read every file and compare it with the manifest.
  /// - Throws: `MmoeError`, which names the file and the cure.
  public init(folder: String, threads: Int = 0, verifyChecksums: Bool = false) throws {
    var options = mmoe_model_options()
    mmoe_model_options_init(&options)
    options.threads = UInt32(clamping: threads)
    options.verify_checksums = verifyChecksums ? 1 : 0
    var handle: mmoe_model = 0
    try check(mmoe_model_open(folder, &options, &handle))
    self.handle = handle
    var found = mmoe_model_info()
    mmoe_model_info_init(&found)
    _ = mmoe_model_get_info(handle, &found)
    info = Info(
      vocabSize: Int(found.vocab_size), maxSeqLen: Int(found.max_seq_len), maxContextLen: Int(found.max_context_len),
      layers: Int(found.layers), bosID: found.bos_id < 0 ? nil : found.bos_id, threads: Int(found.threads),
      hasChat: found.has_chat != 0, loadSeconds: found.load_seconds, programBytes: found.program_bytes)
  }

  deinit { mmoe_model_close(handle) }

  /// Closes the model and its sessions, and ends the calls that run in them.
  public func close() { mmoe_model_close(handle) }

  /// The ids of a text.
  ///
  /// - Parameters:
  ///   - addBOS: whether the tokenizer's own beginning comes first.
  ///   - parseSpecial: whether the text of special tokens becomes their ids; leave it off for text of a user.
  public func tokenize(_ text: String, addBOS: Bool = true, parseSpecial: Bool = false) throws -> [Int32] {
    var text = text
    return try text.withUTF8 { bytes in
      try bytes.withMemoryRebound(to: CChar.self) { chars in
        try collect(Int32(0)) {
          mmoe_tokenize(
            handle, chars.baseAddress, chars.count, addBOS ? 1 : 0, parseSpecial ? 1 : 0, $0, $1, $2)
        }
      }
    }
  }

  /// The text of ids; bytes that are no UTF-8 become U+FFFD.
  public func detokenize(_ ids: [Int32], skipSpecial: Bool = true) throws -> String {
    let bytes = try collect(CChar(0)) { mmoe_detokenize(handle, ids, ids.count, skipSpecial ? 1 : 0, $0, $1, $2) }
    return String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The ids of a conversation by the artifact's chat template, ready for the assistant's turn.
  public func chat(_ messages: [Message]) throws -> [Int32] {
    // The interface's strings end at a NUL byte: what comes after it would be lost without a word.
    guard !messages.contains(where: { $0.content.utf8.contains(0) }) else {
      throw MmoeError(code: .invalidArgument, message: "a message holds a NUL character; remove it")
    }
    // C strings that live until the call is over.
    let strings = messages.map { ($0.role.rawValue.utf8CString, $0.content.utf8CString) }
    var array: [mmoe_message] = []
    func nest(_ index: Int) throws -> [Int32] {
      guard index < strings.count else {
        return try collect(Int32(0)) { mmoe_chat(handle, array, array.count, $0, $1, $2) }
      }
      return try strings[index].0.withUnsafeBufferPointer { role in
        try strings[index].1.withUnsafeBufferPointer { content in
          array.append(mmoe_message(role: role.baseAddress, content: content.baseAddress))
          return try nest(index + 1)
        }
      }
    }
    return try nest(0)
  }
}
