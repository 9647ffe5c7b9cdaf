import CMmoe

/// How far opening or warming up a model is: work that is done, no estimate of time.
public struct LoadProgress: Equatable, Sendable {
  public enum Stage: Int32, Sendable {
    /// Every file is read and compared with the manifest, with `verifyChecksums` only; in bytes.
    case checksums
    /// The tokenizer and the chat template are read; in one piece.
    case tokenizer
    /// `model.pte` is mapped and looked through, its weights are not read; in one piece.
    case program
    /// Of `Model.warmUp`: all of `model.pte` is read into memory; in bytes.
    case weights
    /// Of `Model.warmUp`: the program runs; in one piece.
    case firstCall
  }

  public let stage: Stage
  /// 0 when the stage begins, `total` when it has ended.
  public let done: UInt64
  /// Bytes of the stage; 1 for one that is done in one piece.
  public let total: UInt64
}

/// Is told of it on the thread that waits; an error from it ends the work and is thrown there.
public typealias OnProgress = (LoadProgress) throws -> Void

/// Gives `body` the core's function that tells `onProgress`, and what that function wants.
func withProgress(
  _ onProgress: OnProgress?, _ body: (mmoe_on_progress?, UnsafeMutableRawPointer?) throws -> Void
) throws {
  guard let onProgress else { return try body(nil, nil) }
  let teller = Teller(onProgress)
  let tell: mmoe_on_progress = { context, stage, done, total in
    Unmanaged<Teller>.fromOpaque(context!).takeUnretainedValue().tell(stage, done, total)
  }
  try withExtendedLifetime(teller) {
    do {
      try body(tell, Unmanaged.passUnretained(teller).toOpaque())
    } catch {
      throw teller.thrown ?? error
    }
  }
}

private final class Teller {
  private let onProgress: OnProgress
  private(set) var thrown: Error?

  init(_ onProgress: @escaping OnProgress) { self.onProgress = onProgress }

  func tell(_ stage: Int32, _ done: UInt64, _ total: UInt64) -> Int32 {
    do {
      guard let stage = LoadProgress.Stage(rawValue: stage) else { return 0 }
      try onProgress(LoadProgress(stage: stage, done: done, total: total))
      return 0
    } catch {
      thrown = error
      return 1
    }
  }
}
