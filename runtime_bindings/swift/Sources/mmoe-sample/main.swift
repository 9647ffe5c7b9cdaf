import Foundation
import Mmoe

// mmoe-sample ARTIFACT PROMPT [MAX_NEW_TOKENS [SEED]]: text on stdout, figures on stderr. With a seed it samples, else as
// the artifact recommends.

func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

let arguments = CommandLine.arguments
guard arguments.count >= 3 else {
  say("usage: mmoe-sample ARTIFACT PROMPT [MAX_NEW_TOKENS [SEED]]")
  exit(2)
}
do {
  let model = try Model(folder: arguments[1])
  var sampling = model.sampling
  if arguments.count > 4, let seed = UInt64(arguments[4]) {
    sampling = Sampling(temperature: 0.8, topK: 40, topP: 0.95, seed: seed)
  }
  let session = try Session(model, sampling: sampling)
  let limit = arguments.count > 3 ? Int(arguments[3]) ?? 64 : 64
  for try await step in session.generate(arguments[2], maxNewTokens: limit) {
    FileHandle.standardOutput.write(Data(step.text.utf8))
  }
  print()
  let stats = try session.stats()
  say(
    String(
      format: "load %.3f s, first token %.3f s, prefill %.0f tokens/s, decode %.0f tokens/s, peak %.0f MB",
      stats.loadSeconds, stats.ttftSeconds, stats.prefillTokensPerSecond, stats.decodeTokensPerSecond,
      Double(try Memory.now().peakBytes) / 1e6))
} catch {
  say("mmoe-sample: \(error)")
  exit(1)
}
