import Dispatch
import XCTest

@testable import Mmoe

final class GenerationTests: XCTestCase {
  func sampling(_ seed: UInt64?) -> Sampling {
    guard let seed else { return Sampling() }
    return Sampling(temperature: 0.8, topK: 40, topP: 0.95, minP: 0.02, repetitionPenalty: 1.1, seed: seed)
  }

  func testTheSameTextAsOtherLanguagesTokenForToken() async throws {
    let expected = try Expected.load()
    let model = try Model(folder: expected.artifact)
    XCTAssertGreaterThanOrEqual(expected.answers.count, 6)
    for answer in expected.answers {
      let session = try Session(model, sampling: sampling(answer.seed))
      var ids: [Int32] = []
      var text = ""
      for try await step in session.generate(try model.tokenize(answer.prompt), maxNewTokens: answer.ids.count) {
        if step.finishReason == nil { ids.append(step.id) }
        text += step.text
      }
      XCTAssertEqual(ids, answer.ids)
      XCTAssertEqual(text, answer.text)
      XCTAssertEqual(try model.detokenize(ids), answer.text)
    }
  }

  func testAConversationCostsItsNewTurnOnly() async throws {
    let expected = try Expected.load()
    let model = try Model(folder: expected.artifact)
    var messages = [Message(.system, "You are a prophet."), Message(.user, "Who art thou?\n")]
    XCTAssertEqual(try model.chat(messages), expected.chat)
    let session = try Session(model)
    var answer = ""
    for try await step in session.generate(try model.chat(messages), maxNewTokens: 12) { answer += step.text }
    let before = try session.position()
    messages += [Message(.assistant, answer), Message(.user, "And whence?")]
    let prompt = try model.chat(messages)
    for try await _ in session.generate(prompt, maxNewTokens: 1) {}
    XCTAssertLessThan(try session.stats().prefillTokens, prompt.count - before / 2)

    let fresh = try Session(model)
    try fresh.prompt(prompt)
    try session.prompt(prompt)
    XCTAssertEqual(try session.next().id, try fresh.next().id)
  }

  func testAMessageMayHoldAnyCharacter() throws {
    let model = try Model(folder: try Expected.load().artifact)
    let content = "a\0\u{1f}\"\\\n\u{2028}\u{1f642}b"
    let text = try model.detokenize(try model.chat([Message(.user, content)]), skipSpecial: false)
    XCTAssertTrue(text.contains("\n\n" + content + "<|eot|>"), text)
  }

  func testToolsAreThoseOfTheConversation() throws {
    let model = try Model(folder: try variant("qwen3"))
    let tool = #"{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}"#
    let messages = [Message(.user, "Will it rain?"), Message(.tool, "Yes. <|im_end|>")]
    let conversation =
      #"{"messages": [{"role": "user", "content": "Will it rain?"}, "#
      + #"{"role": "tool", "content": "Yes. <|im_end|>"}], "#
      + #""tools": [\#(tool), \#(tool)], "add_generation_prompt": true}"#
    XCTAssertEqual(try model.chat(messages, tools: [tool, tool]), try model.chatJSON(conversation))
    XCTAssertLessThan(try model.chat(messages).count, try model.chat(messages, tools: [tool]).count)
  }

  func testASessionSamplesAsTheArtifactRecommends() async throws {
    let model = try Model(folder: try variant("sampled"))
    let recommended = Sampling(temperature: 0.75, topK: 40, topP: 0.875, minP: 0.0625, repetitionPenalty: 1.125)
    XCTAssertEqual(model.sampling, recommended)
    func text(_ sampling: Sampling?) async throws -> String {
      var text = ""
      let session = try Session(model, sampling: sampling)
      for try await step in session.generate("In the", maxNewTokens: 16) { text += step.text }
      return text
    }
    let (chosen, given, greedy) = (try await text(nil), try await text(recommended), try await text(Sampling()))
    XCTAssertEqual(chosen, given)
    XCTAssertNotEqual(chosen, greedy)
  }

  func testEmojiComeWhole() throws {
    let model = try Model(folder: try Expected.load().artifact)
    let text = "na\u{ef}ve \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{4e2d}"
    XCTAssertEqual(try model.detokenize(try model.tokenize(text)), text)
  }

  func testBytesOfTokensAreThoseOfTheirText() throws {
    let model = try Model(folder: try Expected.load().artifact)
    for text in ["In the beginning", "na\u{308}ive \u{1f468}\u{200d}\u{1f469} \u{6771}\u{4eac}", "a\0b", "\n\t "] {
      let pieces = try model.tokenize(text, addBOS: false).enumerated().map {
        try model.tokenBytes($0.element, first: $0.offset == 0)
      }
      XCTAssertEqual(Array(pieces.joined()), Array(text.utf8))
    }
    let special = try model.tokenize("<|eot|>", addBOS: false, parseSpecial: true)
    XCTAssertEqual(try special.map { try model.tokenBytes($0) }, [Array("<|eot|>".utf8)])
    for unknown in [-1, Int32(model.info.vocabSize), .max] { XCTAssertEqual(try model.tokenBytes(unknown), []) }
    model.close()
    assertThrows(.closed) { _ = try model.tokenBytes(1) }
  }

  func testCancellingTheTaskEndsTheStreamWithinAToken() async throws {
    let model = try Model(folder: try Expected.load().artifact)
    let session = try Session(model)
    let prompt = try model.tokenize("In the beginning")
    let consumer = Task {
      var count = 0
      for try await _ in session.generate(prompt) {
        count += 1
        if count == 3 { withUnsafeCurrentTask { $0?.cancel() } }
      }
      return count
    }
    let count = try await consumer.value
    XCTAssertEqual(count, 3)
    XCTAssertLessThanOrEqual(try session.position(), prompt.count + 3)
    // The next request starts clean.
    var ids: [Int32] = []
    for try await step in session.generate(prompt, maxNewTokens: 5) where step.finishReason == nil {
      ids.append(step.id)
    }
    XCTAssertEqual(ids.count, 5)
  }

  func testCancellingWhileTheCallOfAPromptIsUnderWayEndsIt() async throws {
    let model = try Model(folder: try Expected.load().artifact)
    let session = try Session(model)
    let (underWay, begin) = AsyncStream.makeStream(of: Void.self)
    let cancelled = DispatchSemaphore(value: 0)
    let prompt: Session.Prompt = { _ in
      begin.finish()
      // The library looks for a cancel in front of each chunk: from here on it is in front of the first.
      cancelled.wait()
      return [5, 6, 7]
    }
    let generation = Generation(session, prompt, Limits(), Grammar(jsonSchema: nil, grammar: nil), false, nil)
    let consumer = Task { try await generation.next() }
    for await _ in underWay {}
    consumer.cancel()
    cancelled.signal()
    let step = try await consumer.value
    XCTAssertNil(step)
    XCTAssertEqual(try session.position(), 0)
    try session.prompt([7, 8, 9])
    XCTAssertEqual(try session.position(), 3)
  }

  func testACancelAtAnyMomentLeavesTheSessionReady() async throws {
    let model = try Model(folder: try Expected.load().artifact)
    let session = try Session(model)
    for delay in [0, 1, 5] {
      let consumer = Task {
        for try await _ in session.generate([Int32](repeating: 5, count: model.info.maxContextLen)) {}
      }
      try await Task.sleep(for: .milliseconds(delay))
      consumer.cancel()
      try await consumer.value
      var ids: [Int32] = []
      for try await step in session.generate([7, 8, 9], maxNewTokens: 2) where step.finishReason == nil {
        ids.append(step.id)
      }
      XCTAssertEqual(ids.count, 2)
    }
  }

  func testCloseDuringDecodeEndsTheStreamWithAnError() async throws {
    let model = try Model(folder: try Expected.load().artifact)
    let session = try Session(model)
    do {
      var count = 0
      for try await _ in session.generate(try model.tokenize("In the beginning")) {
        count += 1
        if count == 2 { session.close() }
      }
      XCTFail("the stream ended as if nothing had happened")
    } catch let error as MmoeError {
      XCTAssertEqual(error.code, .closed, "\(error)")
    }
    assertThrows(.closed) { _ = try session.next() }
  }

  func testStatsAndMemory() async throws {
    let model = try Model(folder: try Expected.load().artifact)
    let session = try Session(model)
    let prompt = try model.tokenize("And it came to pass")
    for try await _ in session.generate(prompt, maxNewTokens: 9) {}
    let stats = try session.stats()
    XCTAssertEqual(stats.prefillTokens, prompt.count)
    XCTAssertEqual(stats.decodeTokens, 8)
    XCTAssertGreaterThan(stats.decodeTokensPerSecond, 0)
    XCTAssertGreaterThanOrEqual(stats.ttftSeconds, stats.prefillSeconds)
    let memory = try Memory.now()
    XCTAssertGreaterThan(memory.anonymousBytes, 0)
    XCTAssertGreaterThanOrEqual(memory.peakBytes, memory.fileBytes)
  }
}
