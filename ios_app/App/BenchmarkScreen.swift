import MmoeApp
import SwiftUI
import UniformTypeIdentifiers

struct BenchmarkScreen: View {
  let model: AppModel
  @State private var exporting = false

  var body: some View {
    NavigationStack {
      List {
        Section {
          ForEach(model.report?.tests ?? []) { test in
            VStack(alignment: .leading) {
              Text("\(test.promptTokens) tokens").font(.headline)
              Text(
                String(
                  format: "first token %.2f s, prefill %.0f tok/s, decode %.1f tok/s", test.ttftSeconds,
                  test.prefillTokensPerSecond, test.decodeTokensPerSecond)
              )
              .font(.footnote.monospacedDigit())
            }
          }
        } footer: {
          Text(
            "Prompts of 256, 1K, 4K and 8K tokens of real text, then \(Benchmark.decodeTokens) tokens at that depth.")
        }
      }
      .navigationTitle("Benchmark")
      .toolbar {
        if case .benchmarking(let done, let total) = model.phase {
          ProgressView(value: Double(done), total: Double(max(total, 1))).frame(width: 80)
          Button("Stop") { model.stop() }
        } else {
          Button("Run") { model.runBenchmark() }.disabled(!model.canSend)
        }
        Button("Export", systemImage: "square.and.arrow.up") { exporting = true }.disabled(model.report == nil)
      }
      .fileExporter(
        isPresented: $exporting, document: JSONFile(data: (try? model.report?.json()) ?? Data()),
        contentType: .json, defaultFilename: "mmoe-benchmark"
      ) { result in
        if case .failure(let error) = result { model.failure = error.localizedDescription }
      }
    }
  }
}

struct JSONFile: FileDocument {
  static let readableContentTypes = [UTType.json]
  let data: Data

  init(data: Data) { self.data = data }
  init(configuration: ReadConfiguration) throws { data = configuration.file.regularFileContents ?? Data() }

  func fileWrapper(configuration: WriteConfiguration) throws -> FileWrapper {
    FileWrapper(regularFileWithContents: data)
  }
}
