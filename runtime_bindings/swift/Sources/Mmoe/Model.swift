import CMmoe

/// A call of a tool.
public struct ToolCall: Equatable, Sendable {
  public var name: String
  /// A JSON object.
  public var arguments: String

  public init(_ name: String, arguments: String) {
    self.name = name
    self.arguments = arguments
  }
}

/// One turn of a conversation. Special tokens in it are plain text.
public struct Message: Equatable, Sendable {
  public enum Role: String, Sendable {
    /// `tool` is what a tool gave.
    case system, user, assistant, tool
  }

  public var role: Role
  public var content: String
  /// What an answer calls.
  public var toolCalls: [ToolCall]

  public init(_ role: Role, _ content: String, toolCalls: [ToolCall] = []) {
    self.role = role
    self.content = content
    self.toolCalls = toolCalls
  }
}

/// An artifact folder that `mmoe-export convert` wrote, opened: its program mapped, its tokenizer loaded.
///
/// A model may be used from any thread; it closes when the last reference and the last session are gone.
public final class Model: Sendable {
  /// Of the core.
  public static var libraryVersion: String { String(cString: mmoe_version()) }

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
  /// What the checkpoint's author recommends, and what sessions do unless told otherwise; greedy without it.
  public let sampling: Sampling

  /// Opens a folder.
  ///
  /// - Parameters:
  ///   - folder: its path.
  ///   - threads: of the pool that all models of the process share; 0 leaves it as it is, and the first model makes it as
  ///     large as the machine has performance cores, if its cores differ and it tells how.
  ///   - verifyChecksums: whether to read every file and compare it with the manifest.
  ///   - onProgress: is told how far opening is.
  /// - Throws: `MmoeError`, which names the file and the cure; or what `onProgress` throws.
  public init(
    folder: String, threads: Int = 0, verifyChecksums: Bool = false, onProgress: OnProgress? = nil
  ) throws {
    var options = mmoe_model_options()
    mmoe_model_options_init(&options)
    options.threads = UInt32(clamping: threads)
    options.verify_checksums = verifyChecksums ? 1 : 0
    var handle: mmoe_model = 0
    try withProgress(onProgress) { function, context in
      options.on_progress = function
      options.progress_context = context
      try check(mmoe_model_open(folder, &options, &handle))
    }
    self.handle = handle
    var found = mmoe_model_info()
    mmoe_model_info_init(&found)
    _ = mmoe_model_get_info(handle, &found)
    info = Info(
      vocabSize: Int(found.vocab_size), maxSeqLen: Int(found.max_seq_len), maxContextLen: Int(found.max_context_len),
      layers: Int(found.layers), bosID: found.bos_id < 0 ? nil : found.bos_id, threads: Int(found.threads),
      hasChat: found.has_chat != 0, loadSeconds: found.load_seconds, programBytes: found.program_bytes)
    var recommended = Sampling().core
    _ = mmoe_model_sampling(handle, &recommended)
    sampling = Sampling(recommended)
  }

  deinit { mmoe_model_close(handle) }

  /// Closes the model and its sessions, and ends the calls that run in them.
  public func close() { mmoe_model_close(handle) }

  /// Does beforehand what makes a first answer slow: reads the weights into memory and runs the program once. The weights
  /// stay for as long as the system has memory for them; on a device with less memory than the program this drives other
  /// pages out. It blocks.
  public func warmUp(onProgress: OnProgress? = nil) throws {
    try withProgress(onProgress) { try check(mmoe_model_warm_up(handle, $0, $1)) }
  }

  /// What a session will take.
  /// - Parameter tokens: of its context; nil for a full one.
  public func sessionMemory(tokens: Int? = nil) throws -> SessionMemory {
    var memory = mmoe_session_memory()
    mmoe_session_memory_init(&memory)
    try check(mmoe_model_session_memory(handle, tokens.map(Int64.init) ?? -1, &memory))
    return SessionMemory(
      plannedBytes: memory.planned_bytes, cacheBytes: memory.cache_bytes, speculationBytes: memory.speculation_bytes)
  }

  /// Compiles a schema or a grammar, so that a caller knows beforehand what `Session.generate` would refuse. The model keeps
  /// those used last, so the work is done once.
  /// - Throws: as `Session.setGrammar`.
  public func checkGrammar(jsonSchema: String? = nil, grammar: String? = nil) throws {
    guard jsonSchema != nil || grammar != nil else {
      throw MmoeError(code: .invalidArgument, message: "give jsonSchema or grammar")
    }
    try Grammar(jsonSchema: jsonSchema, grammar: grammar).withCore { mmoe_model_check_grammar(handle, $0, $1, $2) }
  }

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

  /// The bytes that one token adds to a text; of a character that several tokens make, its part.
  ///
  /// - Parameters:
  ///   - id: of the token; one that the tokenizer does not know has no bytes.
  ///   - first: whether the text begins with it; some tokenizers write such a token without its space.
  public func tokenBytes(_ id: Int32, first: Bool = true) throws -> [UInt8] {
    try collect(CChar(0)) { mmoe_token_bytes(handle, id, first ? 1 : 0, $0, $1, $2) }.map { UInt8(bitPattern: $0) }
  }

  /// The ids of a conversation by the artifact's chat template, ready for the assistant's turn. The text of special tokens
  /// in messages and tools is plain text.
  ///
  /// - Parameter tools: what the assistant may call, each as the JSON schema of a function.
  /// - Throws: `.unsupported` without a chat template, `.invalidArgument` if it refuses the conversation.
  public func chat(_ messages: [Message], tools: [String] = []) throws -> [Int32] {
    try chatJSON(conversationJSON(messages, tools: tools))
  }

  /// The same for everything that a template may read, such as the calls of tools.
  ///
  /// - Parameters:
  ///   - conversation: a JSON object of what Hugging Face's `apply_chat_template` takes: "messages", "tools",
  ///     "add_generation_prompt" (false unless it is there) and the template's own switches.
  ///   - now: what the template takes for the local time, `2026-07-04T12:30:00`; nil for the clock's.
  /// - Throws: as `chat`, and `.invalidArgument` for what is no JSON.
  public func chatJSON(_ conversation: String, now: String? = nil) throws -> [Int32] {
    var conversation = conversation
    return try conversation.withUTF8 { bytes in
      try bytes.withMemoryRebound(to: CChar.self) { chars in
        try collect(Int32(0)) { mmoe_chat_json(handle, chars.baseAddress, chars.count, now, $0, $1, $2) }
      }
    }
  }

  /// As `chatJSON`, without as many of the oldest turns as it takes to have `mostIDs` at most. A turn is a user's message with
  /// all up to the next one.
  ///
  /// - Returns: the ids, and how many messages were left out, behind the system messages in front.
  /// - Throws: `.contextFull` if the system messages and the last turn are too long by themselves.
  public func chatFit(_ conversation: String, mostIDs: Int, now: String? = nil) throws -> (ids: [Int32], leftOut: Int) {
    guard mostIDs >= 0 else {
      throw MmoeError(code: .invalidArgument, message: "mostIDs must not be negative, not \(mostIDs)")
    }
    var conversation = conversation
    var leftOut = 0
    let ids = try conversation.withUTF8 { bytes in
      try bytes.withMemoryRebound(to: CChar.self) { chars in
        try collect(Int32(0)) {
          mmoe_chat_fit(handle, chars.baseAddress, chars.count, now, mostIDs, $0, $1, $2, &leftOut)
        }
      }
    }
    return (ids, leftOut)
  }

  /// An answer as a message: its content and, in the way of Llama 3, Qwen, Hermes, Granite or LFM2, the calls of tools that it
  /// makes. A call that is broken is content.
  ///
  /// - Parameter text: of the answer, with that of special tokens.
  public func toolCalls(_ text: String) throws -> Message {
    var text = text
    let json = try text.withUTF8 { bytes in
      try bytes.withMemoryRebound(to: CChar.self) { chars in
        try collect(CChar(0)) { mmoe_tool_calls(handle, chars.baseAddress, chars.count, $0, $1, $2) }
      }
    }
    return Message(json: String(decoding: json.map { UInt8(bitPattern: $0) }, as: UTF8.self))
  }

  /// The same of the ids of an answer, without the one that ended it.
  public func toolCalls(_ ids: [Int32]) throws -> Message { try toolCalls(try detokenize(ids, skipSpecial: false)) }
}
