import Mmoe
import MmoeApp
import SwiftUI

struct ChatScreen: View {
  let model: AppModel
  @State private var draft = ""

  var body: some View {
    NavigationStack {
      VStack(spacing: 0) {
        transcript
        if model.leftOut > 0 {
          Text("The context is full: the model does not see the \(model.leftOut) oldest messages any more.")
            .font(.footnote)
            .foregroundStyle(.secondary)
            .padding(.horizontal)
        }
        if let figures = model.figures, let info = model.info { FiguresBar(figures: figures, info: info) }
        composer
      }
      .navigationTitle(model.opened?.name ?? "No model")
      .navigationBarTitleDisplayMode(.inline)
      .toolbar {
        Button("New", systemImage: "square.and.pencil") { model.newConversation() }.disabled(!model.canSend)
      }
    }
  }

  private var transcript: some View {
    ScrollViewReader { reader in
      ScrollView {
        LazyVStack(alignment: .leading, spacing: 12) {
          ForEach(Array(model.messages.enumerated()), id: \.offset) { index, message in
            Text(message.content)
              .textSelection(.enabled)
              .padding(10)
              .background(message.role == .user ? Color.accentColor.opacity(0.15) : Color.secondary.opacity(0.1))
              .clipShape(RoundedRectangle(cornerRadius: 12))
              .frame(maxWidth: .infinity, alignment: message.role == .user ? .trailing : .leading)
              .id(index)
          }
        }
        .padding()
      }
      .onChange(of: model.messages.last?.content) { reader.scrollTo(model.messages.count - 1, anchor: .bottom) }
    }
  }

  private var composer: some View {
    HStack {
      TextField("Message", text: $draft, axis: .vertical).textFieldStyle(.roundedBorder).lineLimit(1...4)
      if model.phase == .running || model.phase == .stopping {
        Button("Stop", systemImage: "stop.circle.fill") { model.stop() }.disabled(model.phase == .stopping)
      } else {
        Button("Send", systemImage: "arrow.up.circle.fill") {
          model.send(draft)
          draft = ""
        }
        .disabled(!model.canSend || draft.isEmpty)
      }
    }
    .labelStyle(.iconOnly)
    .font(.title2)
    .padding()
  }
}

/// The figures that matter, of the last answer.
struct FiguresBar: View {
  let figures: AppModel.Figures
  let info: Model.Info

  var body: some View {
    ScrollView(.horizontal, showsIndicators: false) {
      HStack(spacing: 16) {
        figure("load", String(format: "%.2f s", info.loadSeconds))
        figure("first token", String(format: "%.2f s", figures.stats.ttftSeconds))
        figure("prefill", String(format: "%.0f tok/s", figures.stats.prefillTokensPerSecond))
        figure("decode", String(format: "%.1f tok/s", figures.stats.decodeTokensPerSecond))
        figure("peak memory", String(format: "%.0f MB", Double(figures.memory.peakBytes) / 1e6))
        figure("threads", "\(info.threads)")
      }
      .padding(.horizontal)
    }
    .padding(.vertical, 6)
    .background(.bar)
  }

  private func figure(_ name: LocalizedStringKey, _ value: String) -> some View {
    VStack(alignment: .leading) {
      Text(name).font(.caption2).foregroundStyle(.secondary)
      Text(value).font(.footnote.monospacedDigit())
    }
  }
}
