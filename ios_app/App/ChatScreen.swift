import Mmoe
import MmoeApp
import SwiftUI

struct ChatScreen: View {
  @Bindable var model: AppModel
  @State private var draft = ""
  @State private var showsSettings = false
  @State private var shown: Turn?

  var body: some View {
    NavigationStack {
      VStack(spacing: 0) {
        if model.thermal.throttles { Banner(text: "The device is hot and slows down.", symbol: "thermometer.high") }
        if let notice = model.notice { Banner(text: notice.text, symbol: "info.circle") }
        Transcript(model: model, shown: $shown)
        composer
      }
      .navigationTitle(model.opened?.name ?? String(localized: "No model"))
      .navigationBarTitleDisplayMode(.inline)
      .toolbar {
        Button("New", systemImage: "square.and.pencil") { model.newConversation() }.disabled(model.phase != .idle)
        Menu("More", systemImage: "ellipsis.circle") {
          Button("Settings", systemImage: "slider.horizontal.3") { showsSettings = true }
          ShareLink("Share the conversation", item: model.transcript).disabled(model.turns.isEmpty)
        }
      }
      .sheet(isPresented: $showsSettings) { SettingsSheet(model: model) }
      .sheet(item: $shown) { turn in FiguresSheet(figures: turn.figures, thermal: model.thermal) }
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
    .background(.bar)
  }
}

/// The turns; it follows an answer that grows only while its end is in sight.
private struct Transcript: View {
  let model: AppModel
  @Binding var shown: Turn?
  @State private var seesEnd = true

  var body: some View {
    ScrollViewReader { reader in
      ScrollView {
        LazyVStack(alignment: .leading, spacing: 12) {
          ForEach(model.turns) { turn in
            QuestionBubble(text: turn.question)
            AnswerBubble(turn: turn) { shown = turn }
            if model.forgotten > 0, turn.id == model.turns[model.forgotten - 1].id {
              Label("The model does not see what is above any more: the context is full.", systemImage: "scissors")
                .font(.footnote)
                .foregroundStyle(.secondary)
            }
          }
          Color.clear.frame(height: 1).id("end").onAppear { seesEnd = true }.onDisappear { seesEnd = false }
        }
        .padding()
      }
      .onChange(of: model.turns.last?.answer) { if seesEnd { reader.scrollTo("end", anchor: .bottom) } }
      .onChange(of: model.turns.count) { reader.scrollTo("end", anchor: .bottom) }
    }
  }
}

struct Banner: View {
  let text: LocalizedStringKey
  let symbol: String

  var body: some View {
    Label(text, systemImage: symbol)
      .font(.footnote)
      .frame(maxWidth: .infinity, alignment: .leading)
      .padding(8)
      .background(.yellow.opacity(0.2))
  }
}

extension AppModel.Notice {
  var text: LocalizedStringKey {
    switch self {
    case .cacheFreed: "Memory ran low: the next answer reads the conversation again."
    case .modelClosed: "Memory ran low: the model was closed. Open it again, or choose a smaller one."
    case .gpuPaused: "The answer was stopped: the system allows no work on the GPU in the background."
    }
  }
}
