import MmoeApp
import SwiftUI

/// What an answer cost, and which experts it went to.
struct FiguresSheet: View {
  let figures: Figures?
  let thermal: Thermal

  var body: some View {
    NavigationStack {
      List {
        if let figures {
          Section("Speed") {
            figure("first token", String(format: "%.2f s", figures.stats.ttftSeconds))
            figure("prefill", String(format: "%.0f tok/s", figures.stats.prefillTokensPerSecond))
            figure("decode", String(format: "%.1f tok/s", figures.stats.decodeTokensPerSecond))
            figure("load", String(format: "%.2f s", figures.loadSeconds))
            figure("threads", "\(figures.threads)")
          }
          Section("Memory") {
            figure("peak memory", String(format: "%.0f MB", Double(figures.memory.peakBytes) / 1e6))
            figure("model's pages", String(format: "%.0f MB", Double(figures.memory.fileBytes) / 1e6))
            figure("heap and cache", String(format: "%.0f MB", Double(figures.memory.anonymousBytes) / 1e6))
            figure("heat", thermal.name)
          }
          if !figures.experts.isEmpty {
            Section("Experts, a row for each layer") {
              ForEach(Array(figures.experts.enumerated()), id: \.offset) { _, counts in ExpertsRow(counts: counts) }
            }
            .accessibilityHidden(true)
          }
        }
      }
      .navigationTitle("Figures")
      .navigationBarTitleDisplayMode(.inline)
    }
    .presentationDetents([.medium, .large])
  }

  private func figure(_ name: LocalizedStringKey, _ value: String) -> some View {
    LabeledContent(name) { Text(verbatim: value).monospacedDigit() }
  }
}

/// The darker, the more tokens went to an expert.
private struct ExpertsRow: View {
  let counts: [UInt64]

  var body: some View {
    HStack(spacing: 1) {
      ForEach(Array(counts.enumerated()), id: \.offset) { _, count in
        Rectangle().fill(Color.accentColor.opacity(0.08 + 0.92 * Double(count) / Double(max(counts.max() ?? 1, 1))))
      }
    }
    .frame(height: 12)
    .listRowSeparator(.hidden)
  }
}
