import MmoeApp
import SwiftUI

/// The system prompt, how to sample, and what the system did.
struct SettingsSheet: View {
  @Bindable var model: AppModel
  @Environment(\.dismiss) private var dismiss

  var body: some View {
    NavigationStack {
      Form {
        Section("System prompt") {
          TextField("None", text: $model.settings.systemPrompt, axis: .vertical).lineLimit(2...6)
        }
        Section("Sampling") {
          Toggle("As the model recommends", isOn: recommended)
          if model.settings.sampling != nil { SamplingRows(choice: choice) }
        }
        Section("Answers") {
          Stepper(
            model.settings.maxNewTokens == 0 ? "No limit" : "At most \(model.settings.maxNewTokens) tokens",
            value: $model.settings.maxNewTokens, in: 0...4096, step: 128)
        }
        Section("CPU threads") {
          Stepper(
            model.settings.threads == 0 ? "Chosen by the runtime" : "\(model.settings.threads)",
            value: $model.settings.threads, in: 0...6)
        }
        Section("What the system did") {
          ForEach(model.log.events.suffix(20).reversed()) { event in
            LabeledContent(event.kind.text) { Text(event.time, style: .time) }
          }
        }
      }
      .disabled(model.phase != .idle)
      .navigationTitle("Settings")
      .navigationBarTitleDisplayMode(.inline)
      .toolbar { Button("Done") { dismiss() } }
    }
  }

  private var recommended: Binding<Bool> {
    Binding(
      get: { model.settings.sampling == nil },
      set: { model.settings.sampling = $0 ? nil : model.recommendedSampling })
  }

  private var choice: Binding<SamplingChoice> {
    Binding(
      get: { model.settings.sampling ?? model.recommendedSampling }, set: { model.settings.sampling = $0 })
  }
}

private struct SamplingRows: View {
  @Binding var choice: SamplingChoice

  var body: some View {
    slider("Temperature", $choice.temperature, 0...2)
    slider("Top p", $choice.topP, 0...1)
    slider("Min p", $choice.minP, 0...1)
    slider("Repetition penalty", $choice.repetitionPenalty, 1...2)
    Stepper(choice.topK == 0 ? "All tokens" : "Top \(choice.topK)", value: $choice.topK, in: 0...200, step: 5)
    Stepper("Seed \(Int(clamping: choice.seed))", value: $choice.seed, in: 0...999)
  }

  private func slider(_ name: LocalizedStringKey, _ value: Binding<Float>, _ range: ClosedRange<Float>) -> some View {
    VStack(alignment: .leading) {
      LabeledContent(name) { Text(verbatim: String(format: "%.2f", value.wrappedValue)).monospacedDigit() }
      Slider(value: value, in: range, step: 0.05) { Text(name) }
    }
  }
}

extension DeviceEvent.Kind {
  var text: LocalizedStringKey {
    switch self {
    case .thermal(.nominal): "Cool"
    case .thermal(.fair): "Warm"
    case .thermal(.serious): "Hot"
    case .thermal(.critical): "Very hot"
    case .memoryWarning: "Memory ran low"
    case .background: "In the background"
    case .foreground: "In front"
    }
  }
}
