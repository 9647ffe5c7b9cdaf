import Foundation
import Mmoe

/// One measurement of an artifact, in a session of its own. Tokens behind the prompt are given and not chosen, so that no end of
/// a text cuts a round short.
struct BenchmarkRun: Sendable {
  let model: Model
  let artifact: Artifact
  let text: String
  let plan: Benchmark.Plan
  /// Of the load that opened the model, if the program was not in memory then.
  let coldLoadSeconds: Double?
  let conditions: @Sendable () async -> Benchmark.Conditions

  /// - Throws: `CancellationError` when its task is cancelled, within a token of decoding or a prompt's chunk.
  @MainActor
  func report(
    device: Device, onProgress: @escaping @MainActor (Benchmark.Progress) -> Void
  ) async throws -> Benchmark.Report {
    let before = await conditions()
    let context = model.info.maxContextLen
    let lengths = plan.fitting(context)
    guard !lengths.isEmpty else { throw Benchmark.Failure.contextTooShort(context) }
    let session = try Session(model)
    defer { session.close() }
    let ids = try tokenized()
    var progress = Benchmark.Progress(total: plan.prompts.count * lengths.count * plan.rounds)
    onProgress(progress)
    // Pages that are read for the first time are the load's, not the first round's.
    _ = try await measure(session, Benchmark.tokens(ids[.text]!, lengths[0] + 1), decode: 1)
    var tests: [Benchmark.Test] = []
    for prompt in plan.prompts {
      for length in lengths {
        var test = Benchmark.Test(prompt: prompt, tokens: length)
        for _ in 0..<plan.rounds {
          let tokens = Benchmark.tokens(ids[prompt]!, length + plan.decodeTokens)
          let stats = try await measure(session, tokens, decode: plan.decodeTokens)
          test.ttftSeconds.append(stats.ttftSeconds)
          test.prefillTokensPerSecond.append(Double(length) / stats.ttftSeconds)
          test.decodeTokensPerSecond.append(stats.decodeTokensPerSecond)
          progress.done += 1
          onProgress(progress)
        }
        tests.append(test)
      }
    }
    let memory = try Memory.now()
    try await sustain(session, ids[.text]!, lengths[0], &progress, onProgress)
    // The program's pages are in memory now.
    let folder = artifact.folder.path
    let threads = model.info.threads
    let warm = try await session.offMainActor { try Model(folder: folder, threads: threads).info.loadSeconds }
    return Benchmark.Report(
      device: device, artifact: artifact, threads: threads, plan: plan, context: context, before: before,
      after: await conditions(), coldLoadSeconds: coldLoadSeconds, warmLoadSeconds: warm, memory: memory,
      tests: tests, sustained: progress.points)
  }

  private func tokenized() throws -> [Benchmark.Prompt: [Int32]] {
    // A sentence has 20 tokens at least.
    [
      .text: try model.tokenize(text),
      .templated: try model.tokenize(Benchmark.templated(1 + (plan.lengths.max() ?? 0) / 20)),
    ]
  }

  /// Prefills all but the last tokens into an empty context and runs those one by one.
  private func measure(_ session: Session, _ tokens: [Int32], decode: Int) async throws -> Stats {
    try await session.offMainActor {
      try session.reset()
      try session.prompt(Array(tokens.dropLast(decode)))
      // The time to the first token ends when that is chosen.
      _ = try session.next()
      try session.truncate(to: tokens.count - decode)
    }
    for token in tokens.suffix(decode) {
      try Task.checkCancellation()
      try await session.offMainActor { try session.decode(token) }
    }
    return try session.stats()
  }

  /// Decodes without rest. When the context is full the prompt is all that stays.
  @MainActor
  private func sustain(
    _ session: Session, _ text: [Int32], _ length: Int, _ progress: inout Benchmark.Progress,
    _ onProgress: @MainActor (Benchmark.Progress) -> Void
  ) async throws {
    guard plan.sustainedSeconds > 0 else { return }
    let context = model.info.maxContextLen
    let tokens = Benchmark.tokens(text, context)
    let start = ContinuousClock.now
    var (position, last) = (length, 0.0)
    try await session.offMainActor {
      try session.reset()
      try session.prompt(Array(tokens.prefix(length)))
    }
    while last < plan.sustainedSeconds {
      let until = min(last + plan.pointSeconds, plan.sustainedSeconds)
      var (decoded, seconds) = (0, 0.0)
      while last < until {
        try Task.checkCancellation()
        if position == context {
          try session.truncate(to: length)
          position = length
        }
        let (token, before) = (tokens[position], ContinuousClock.now)
        try await session.offMainActor { try session.decode(token) }
        seconds += before.duration(to: .now).seconds
        (position, decoded, last) = (position + 1, decoded + 1, start.duration(to: .now).seconds)
      }
      progress.points.append(
        Benchmark.Point(
          seconds: last, tokensPerSecond: Double(decoded) / seconds, thermalState: await conditions().thermalState))
      onProgress(progress)
    }
  }
}

extension Duration {
  fileprivate var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

extension Session {
  /// Blocks a thread of its own; cancelling the task ends the call.
  fileprivate func offMainActor<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withTaskCancellationHandler {
      try await Task.detached(priority: .userInitiated) { try work() }.value
    } onCancel: {
      cancel()
    }
  }
}
