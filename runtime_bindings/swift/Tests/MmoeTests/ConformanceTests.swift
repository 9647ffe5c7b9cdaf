import Foundation
import XCTest

@testable import Mmoe

/// The scenarios of tests/conformance, whose README describes their format.
final class ConformanceTests: XCTestCase {
  func testEveryCallGivesWhatIsExpected() async throws {
    let folder = try XCTUnwrap(ProcessInfo.processInfo.environment["MMOE_SCENARIOS"], "set by .ci/swift")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder)
    var count = 0
    for file in files where file.hasSuffix(".json") {
      let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + file))
      for scenario in try JSONDecoder().decode([JSON].self, from: data) {
        count += 1
        try await run(scenario)
      }
    }
    XCTAssertGreaterThanOrEqual(count, 30)
  }

  private func run(_ scenario: JSON) async throws {
    let caller = try Caller(scenario, artifact: try Expected.load().artifact)
    for call in try XCTUnwrap(scenario["calls"]?.array) {
      let result = try await caller.result(call)
      XCTAssertEqual(.object(result), call["expect"] ?? .object([:]), "\(scenario["name"]!): \(call)")
    }
  }
}

/// A model and what the calls of one scenario are made to: a session, or a conversation.
private struct Caller {
  typealias Result = [String: JSON]

  private enum Receiver {
    case session(Session)
    case chat(Chat)
  }

  private struct UnknownCall: Error {
    let call: JSON
  }

  private let model: Model
  private let receiver: Receiver
  private let saved = NSTemporaryDirectory() + "saved-" + UUID().uuidString

  init(_ scenario: JSON, artifact: String) throws {
    model = try Model(folder: try scenario["artifact"]?.string.map(variant) ?? artifact)
    let sampling = scenario["sampling"].map(Self.sampling)
    if let chat = scenario["chat"] {
      let tools = (chat["tools"]?.array ?? []).map { $0.string! }
      let whenFull = WhenFull(rawValue: chat["when_full"]?.string ?? "refuse")!
      receiver = .chat(
        try Chat(
          model, system: chat["system"]?.string, sampling: sampling, tools: tools, whenFull: whenFull,
          answerRoom: chat["answer_room"]?.integer ?? 256))
    } else {
      receiver = .session(try Session(model, sampling: sampling))
    }
  }

  func result(_ call: JSON) async throws -> Result {
    do {
      if let result = try modelResult(call) { return result }
      switch receiver {
      case .session(let session): return try await sessionResult(session, call)
      case .chat(let chat): return try await chatResult(chat, call)
      }
    } catch let error as MmoeError {
      return ["error": .string(Self.statusName(error.code))]
    }
  }

  /// Nil for what is no call of the model.
  private func modelResult(_ call: JSON) throws -> Result? {
    switch call["call"]?.string {
    case "info":
      let info = model.info
      return [
        "vocab_size": .integer(info.vocabSize), "max_context_len": .integer(info.maxContextLen),
        "layers": .integer(info.layers), "bos_id": info.bosID.map { .integer(Int($0)) } ?? .null,
        "has_chat": .bool(info.hasChat),
      ]
    case "tokenize":
      let (addBOS, parseSpecial) = (call["add_bos"]?.bool ?? true, call["parse_special"]?.bool ?? false)
      return ["ids": .ids(try model.tokenize(call.text, addBOS: addBOS, parseSpecial: parseSpecial))]
    case "detokenize":
      return ["text": .string(try model.detokenize(call.ids, skipSpecial: call["skip_special"]?.bool ?? true))]
    case "token_bytes":
      let bytes = try model.tokenBytes(Int32(call["id"]!.integer!), first: call["first"]?.bool ?? true)
      return ["bytes": .array(bytes.map { .integer(Int($0)) })]
    case "chat":
      return ["ids": .ids(try model.chat(call.messages))]
    case "chat_json":
      return ["ids": .ids(try model.chatJSON(try call.conversation(), now: call["now"]?.string))]
    case "chat_fit":
      let most = call["most_ids"]!.integer!
      let fitted = try model.chatFit(try call.conversation(), mostIDs: most, now: call["now"]?.string)
      return ["ids": .ids(fitted.ids), "left_out": .integer(fitted.leftOut)]
    case "tool_calls":
      let message = try model.toolCalls(call.text)
      return ["content": .string(message.content), "calls": .calls(message)]
    case "sampling":
      let sampling = model.sampling
      return [
        "temperature": .shortest(sampling.temperature), "top_k": .integer(sampling.topK),
        "top_p": .shortest(sampling.topP), "min_p": .shortest(sampling.minP),
        "repetition_penalty": .shortest(sampling.repetitionPenalty), "seed": .integer(Int(sampling.seed)),
      ]
    case "warm_up":
      var stages: [JSON] = []
      try model.warmUp { if $0.done == 0 { stages.append(.integer(Int($0.stage.rawValue))) } }
      return ["stages": .array(stages)]
    case "session_memory":
      return ["cache_bytes": .integer(Int(try model.sessionMemory(tokens: call["tokens"]?.integer).cacheBytes))]
    case "check_grammar":
      try model.checkGrammar(jsonSchema: call["json_schema"]?.string, grammar: call["grammar"]?.string)
      return [:]
    case "close_model":
      model.close()
      return [:]
    default: return nil
    }
  }

  private func sessionResult(_ session: Session, _ call: JSON) async throws -> Result {
    switch call["call"]?.string {
    case "prompt": try session.prompt(call.ids)
    case "prefill": try session.prefill(call.ids)
    case "next":
      let step = try session.next()
      return [
        "id": .integer(Int(step.id)), "text": .string(step.text),
        "finish_reason": step.finishReason.map { .string($0.rawValue) } ?? .null,
      ]
    case "set_limits": try session.setLimits(call.limits)
    case "set_grammar":
      try session.setGrammar(jsonSchema: call["json_schema"]?.string, grammar: call["grammar"]?.string)
    case "set_speculation":
      try session.setSpeculation(maxDraftTokens: call["max_draft_tokens"]?.integer, document: call.ids)
    case "set_logit_bias":
      let bias = (call["bias"]?.array ?? []).map { (Int32($0.array![0].integer!), $0.array![1].float!) }
      try session.setLogitBias(Dictionary(uniqueKeysWithValues: bias))
    case "logprobs":
      let found = try session.logprobs(top: call["top"]?.integer ?? 0)
      return ["chosen": .integer(Int(found.chosen.id)), "top": .ids(found.top.map(\.id))]
    case "hide_tool_calls": try session.hideToolCalls(call["on"]?.bool ?? true)
    case "count_experts": try session.countExperts(call["on"]?.bool ?? true)
    case "expert_counts":
      return ["counts": .array(try session.expertCounts().map { .array($0.map { .integer(Int($0)) }) })]
    case "flush": return ["text": .string(try session.flush())]
    case "commit": try session.commit()
    case "decode": try session.decode(Int32(call["id"]!.integer!))
    case "logits":
      let logits = try session.logits()
      return ["count": .integer(logits.count), "argmax": .integer(logits.firstIndex(of: logits.max()!)!)]
    case "position": return ["position": .integer(try session.position())]
    case "truncate": try session.truncate(to: call["position"]!.integer!)
    case "save": try session.save(to: saved)
    case "restore": try session.restore(from: saved)
    case "reset": try session.reset()
    case "cancel": session.cancel()
    case "clear_cancel": try session.clearCancel()
    case "close": session.close()
    case "set_sampling": try session.setSampling(Self.sampling(call["sampling"]!))
    case "stats": return Self.result(try session.stats())
    case "generate":
      let limits = call.limits
      let (most, least, stop) = (limits.maxNewTokens, limits.minNewTokens, limits.stop)
      let (schema, grammar) = (call["json_schema"]?.string, call["grammar"]?.string)
      if call["text"] != nil {
        let steps = session.generate(
          call.text, maxNewTokens: most, minNewTokens: least, stop: stop, jsonSchema: schema, grammar: grammar)
        return try await read(steps, call, session.cancel)
      }
      let ids = call["ids"] == nil ? nil : call.ids
      let steps = session.generate(
        ids, maxNewTokens: most, minNewTokens: least, stop: stop, jsonSchema: schema, grammar: grammar)
      return try await read(steps, call, session.cancel)
    default: throw UnknownCall(call: call)
    }
    return [:]
  }

  private func chatResult(_ chat: Chat, _ call: JSON) async throws -> Result {
    switch call["call"]?.string {
    case "send":
      let limits = call.limits
      let (schema, grammar) = (call["json_schema"]?.string, call["grammar"]?.string)
      if call["messages"] != nil {
        let steps = chat.send(
          call.messages, maxNewTokens: limits.maxNewTokens, minNewTokens: limits.minNewTokens, stop: limits.stop,
          jsonSchema: schema, grammar: grammar)
        return try await read(steps, call, chat.cancel)
      }
      let steps = chat.send(
        call.text, maxNewTokens: limits.maxNewTokens, minNewTokens: limits.minNewTokens, stop: limits.stop,
        jsonSchema: schema, grammar: grammar)
      return try await read(steps, call, chat.cancel)
    case "stats": return Self.result(try chat.stats())
    case "history": return ["messages": .messages(chat.history)]
    case "turns": return ["messages": .messages(chat.turns)]
    case "left_out": return ["messages": .messages(chat.leftOut)]
    case "restore_turns": try chat.restore(call.messages)
    case "reset": try chat.reset()
    case "close": chat.close()
    default: throw UnknownCall(call: call)
    }
    return [:]
  }

  /// Reads a stream as far as the call says.
  private func read(
    _ steps: AsyncThrowingStream<Session.Step, Error>, _ call: JSON, _ cancel: () -> Void
  ) async throws -> Result {
    var ids: [Int32] = []
    var text = ""
    for try await step in steps {
      text += step.text
      if let reason = step.finishReason {
        return ["ids": .ids(ids), "text": .string(text), "finish_reason": .string(reason.rawValue)]
      }
      ids.append(step.id)
      if ids.count == call["abandon_after"]?.integer { break }
      if ids.count == call["cancel_after"]?.integer { cancel() }
    }
    return ["ids": .ids(ids), "text": .string(text)]
  }

  private static func result(_ stats: Stats) -> Result {
    ["prefill_tokens": .integer(stats.prefillTokens), "decode_tokens": .integer(stats.decodeTokens)]
  }

  private static func sampling(_ values: JSON) -> Sampling {
    let defaults = Sampling()
    return Sampling(
      temperature: values["temperature"]?.float ?? defaults.temperature,
      topK: values["top_k"]?.integer ?? defaults.topK, topP: values["top_p"]?.float ?? defaults.topP,
      minP: values["min_p"]?.float ?? defaults.minP,
      repetitionPenalty: values["repetition_penalty"]?.float ?? defaults.repetitionPenalty,
      frequencyPenalty: values["frequency_penalty"]?.float ?? defaults.frequencyPenalty,
      presencePenalty: values["presence_penalty"]?.float ?? defaults.presencePenalty,
      seed: values["seed"]?.integer.map(UInt64.init) ?? defaults.seed)
  }

  /// `contextFull` is `context_full`.
  private static func statusName(_ code: MmoeError.Code) -> String {
    "\(code)".map { $0.isUppercase ? "_" + $0.lowercased() : String($0) }.joined()
  }
}

extension JSON {
  /// As the files write it: 1, not 1.0.
  fileprivate static func shortest(_ value: Float) -> JSON {
    Int(exactly: value).map(JSON.integer) ?? .number(Double(value))
  }

  fileprivate static func calls(_ message: Message) -> JSON {
    .array(message.toolCalls.map { .array([.string($0.name), .string($0.arguments)]) })
  }

  fileprivate static func messages(_ messages: [Message]) -> JSON {
    .array(
      messages.map { message in
        var members: [String: JSON] = ["role": .string(message.role.rawValue), "content": .string(message.content)]
        if !message.toolCalls.isEmpty { members["calls"] = .calls(message) }
        return .object(members)
      })
  }

  fileprivate var messages: [Message] {
    (self["messages"]?.array ?? []).map { message in
      Message(Message.Role(rawValue: message["role"]!.string!)!, message["content"]!.string!)
    }
  }

  /// The text of the file that a `chat_json` is given.
  fileprivate func conversation() throws -> String {
    let folder = ProcessInfo.processInfo.environment["MMOE_SCENARIOS"]! + "/conversations/"
    return try String(contentsOfFile: folder + self["conversation"]!.string! + ".json", encoding: .utf8)
  }

  /// The ids that a call is given, `times` over.
  fileprivate var ids: [Int32] {
    let ids = (self["ids"]?.array ?? []).map { Int32($0.integer!) }
    return Array(repeatElement(ids, count: times).joined())
  }

  fileprivate var limits: Limits {
    Limits(
      stop: (self["stop"]?.array ?? []).map { $0.string! }, minNewTokens: self["min_new_tokens"]?.integer ?? 0,
      maxNewTokens: self["max_new_tokens"]?.integer)
  }

  /// The text that a call is given, `times` over.
  fileprivate var text: String { String(repeating: self["text"]?.string ?? "", count: times) }

  private var times: Int { self["times"]?.integer ?? 1 }
}
