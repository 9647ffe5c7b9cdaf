import Charts
import MmoeApp
import SwiftUI
import UniformTypeIdentifiers

struct BenchmarkScreen: View {
  let model: AppModel
  @State private var exporting = false
  @State private var sustained = false

  var body: some View {
    NavigationStack {
      List {
        Section {
          Toggle("Then 10 minutes without rest", isOn: $sustained).disabled(model.phase != .idle)
          if case .benchmarking(let progress) = model.phase {
            ProgressView(value: Double(progress.done), total: Double(max(progress.total, 1)))
            curve(progress.points)
          }
        } footer: {
          Text("Prompts of 256, 1K, 4K and 8K tokens, real and templated, then 128 given tokens; three rounds.")
        }
        if let report = model.report {
          Section("Medians") { ForEach(report.tests) { row($0) } }
          Section("Device") {
            figure("cold load", report.coldLoadSeconds.map { String(format: "%.2f s", $0) } ?? "-")
            figure("warm load", String(format: "%.2f s", report.warmLoadSeconds))
            figure("peak memory", String(format: "%.0f MB", Double(report.memory.peakBytes) / 1e6))
            figure("heat before", report.before.thermalState ?? "-")
            figure("heat after", report.after.thermalState ?? "-")
          }
          if !report.sustained.isEmpty { Section("Without rest") { curve(report.sustained) } }
        }
      }
      .navigationTitle("Benchmark")
      .toolbar {
        if case .benchmarking = model.phase {
          Button("Stop") { model.stop() }
        } else {
          Button("Run") { model.runBenchmark(Benchmark.Plan(sustained: sustained)) }.disabled(!model.canSend)
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

  private func row(_ test: Benchmark.Test) -> some View {
    VStack(alignment: .leading) {
      Text("\(test.tokens) tokens").font(.headline)
      Text(test.prompt == .text ? "real text" : "templated").font(.caption).foregroundStyle(.secondary)
      Text(
        verbatim: String(
          format: "%.2f s \u{00b7} %.0f tok/s \u{00b7} %.1f tok/s", Benchmark.median(test.ttftSeconds),
          Benchmark.median(test.prefillTokensPerSecond), Benchmark.median(test.decodeTokensPerSecond))
      )
      .font(.footnote.monospacedDigit())
    }
  }

  private func figure(_ name: LocalizedStringKey, _ value: String) -> some View {
    LabeledContent(name) { Text(verbatim: value).monospacedDigit() }
  }

  private func curve(_ points: [Benchmark.Point]) -> some View {
    Chart(points) { LineMark(x: .value("s", $0.seconds), y: .value("tok/s", $0.tokensPerSecond)) }
      .chartYScale(domain: .automatic(includesZero: true))
      .frame(height: points.isEmpty ? 0 : 160)
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
