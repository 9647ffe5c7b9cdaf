import Foundation
import XCTest

@testable import Mmoe

private func openChat() throws -> (Model, Chat) {
  let model = try Model(folder: try Expected.load().artifact)
  return (model, try Chat(model))
}

private func text(_ steps: AsyncThrowingStream<Session.Step, Error>) async throws -> String {
  var text = ""
  for try await step in steps { text += step.text }
  return text
}

private func answerAfresh(_ model: Model, _ messages: [Message], _ tokens: Int) async throws -> String {
  try await text(try Session(model).generate(try model.chat(messages), maxNewTokens: tokens))
}

/// One turn at a time; what is not answered to its end leaves no trace.
final class ChatTests: XCTestCase {
  private func assertBusy(_ work: () async throws -> Void) async {
    do {
      try await work()
      XCTFail("a second turn was let in")
    } catch {
      XCTAssertEqual((error as? MmoeError)?.code, .busy, "\(error)")
    }
  }

  func testOfManyTurnsAtOnceOnlyTheAnsweredAreRecorded() async throws {
    let (model, chat) = try openChat()
    let questions = (0..<4).map { "Who was king number \($0)?" }
    var refused = 0
    for _ in 0..<10 {
      try chat.reset()
      let answers = await withTaskGroup(of: (String, String?).self) { group in
        for question in questions {
          group.addTask { (question, try? await text(chat.send(question, maxNewTokens: 6))) }
        }
        return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
      }
      refused += questions.count - answers.count
      XCTAssertGreaterThan(answers.count, 0)
      XCTAssertEqual(chat.history.count, 2 * answers.count)
      // Each turn stands behind those that were answered before it, and says what it would say to them alone.
      for first in stride(from: 0, to: chat.history.count, by: 2) {
        let asked = Array(chat.history[...first])
        let answer = answers[asked[first].content]
        XCTAssertEqual(answer, chat.history[first + 1].content)
        let fresh = try await answerAfresh(model, asked, 6)
        XCTAssertEqual(answer, fresh)
      }
    }
    XCTAssertGreaterThan(refused, 0, "the turns never met")
  }

  func testASecondTurnBetweenTwoTokensIsRefused() async throws {
    let (model, chat) = try openChat()
    let question = Message(.user, "Who was the king?")
    let expected = try await answerAfresh(model, [question], 12)
    var answer = ""
    for try await step in chat.send(question.content, maxNewTokens: 12) {
      answer += step.text
      guard step.finishReason == nil else { continue }
      await assertBusy { _ = try await text(chat.send("And the sea?", maxNewTokens: 2)) }
      await assertBusy { try chat.reset() }
      await assertBusy { try chat.restore([]) }
    }
    XCTAssertEqual(answer, expected)
    XCTAssertEqual(chat.history, [question, Message(.assistant, expected)])
  }

  func testAStreamThatNobodyReadsIsNoTurn() async throws {
    let (_, chat) = try openChat()
    let unread = chat.send("Who was the king?", maxNewTokens: 4)
    _ = try await text(chat.send("And the sea?", maxNewTokens: 4))
    let answer = try await text(unread)
    XCTAssertEqual(chat.history.map(\.role), [.user, .assistant, .user, .assistant])
    XCTAssertEqual(chat.history.last, Message(.assistant, answer), "its turn begins with its first token")
  }

  func testATurnThatEndsBadlyIsTakenBack() async throws {
    let (model, chat) = try openChat()
    _ = try await text(chat.send("Who was the king?", maxNewTokens: 8))
    let before = chat.history

    let failing = chat.send(String(repeating: "and the sea ", count: model.info.maxContextLen))
    do {
      _ = try await text(failing)
      XCTFail("longer than the context")
    } catch { XCTAssertEqual((error as? MmoeError)?.code, .contextFull, "\(error)") }
    for try await _ in failing { XCTFail("a stream that has failed gives nothing more") }
    XCTAssertEqual(chat.history, before)

    for try await step in chat.send("Tell me of the sea.") where step.id >= 0 { break }
    XCTAssertEqual(chat.history, before)

    let cancelled = Task {
      for try await _ in chat.send("Tell me of the sea.") { withUnsafeCurrentTask { $0?.cancel() } }
    }
    try await cancelled.value
    XCTAssertEqual(chat.history, before)

    for try await step in chat.send("Tell me of the sea.") where step.finishReason == nil { chat.cancel() }
    XCTAssertEqual(chat.history, before)

    let question = Message(.user, "And his son?")
    let expected = try await answerAfresh(model, before + [question], 8)
    let answer = try await text(chat.send(question.content, maxNewTokens: 8))
    XCTAssertEqual(answer, expected)
  }

  func testAConversationGoesOnInAnotherProcess() async throws {
    let (model, chat) = try openChat()
    _ = try await text(chat.send("Who was the king?", maxNewTokens: 24))
    let file = NSTemporaryDirectory() + "mmoe-" + UUID().uuidString
    addTeardownBlock { try? FileManager.default.removeItem(atPath: file) }
    try chat.save(to: file)
    let expected = try await text(chat.send("And his son?", maxNewTokens: 8))

    let cold = try Chat(model)
    try cold.restore(Array(chat.turns.prefix(2)))
    let (whole, all) = (try await text(cold.send("And his son?", maxNewTokens: 8)), try cold.stats().prefillTokens)
    XCTAssertEqual(whole, expected)

    let warm = try Chat(model)
    try warm.restore(Array(chat.turns.prefix(2)), snapshot: file)
    let (rest, new) = (try await text(warm.send("And his son?", maxNewTokens: 8)), try warm.stats().prefillTokens)
    XCTAssertEqual(rest, expected)
    XCTAssertLessThan(new, all - 20, "what the file holds is not run again")
  }

  func testExpertsAreCounted() async throws {
    let (_, chat) = try openChat()
    XCTAssertEqual(try chat.expertCounts(), [])
    try chat.countExperts(true)
    _ = try await text(chat.send("Who was the king?", maxNewTokens: 8))
    let counts = try chat.expertCounts()
    XCTAssertGreaterThan(counts.count, 0)
    let stats = try chat.stats()
    // A chunk of a prompt sends only its last token through the last layer.
    let tokens = UInt64(stats.prefillTokens + stats.decodeTokens)
    let sums = counts.map { $0.reduce(0, +) }
    XCTAssertEqual(sums[0] % tokens, 0, "\(sums) of \(tokens) tokens")
    XCTAssertEqual(Set(sums.dropLast()).count, 1, "\(sums)")
  }
}
