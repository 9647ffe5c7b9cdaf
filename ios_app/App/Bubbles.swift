import MmoeApp
import SwiftUI

struct QuestionBubble: View {
  let text: String

  var body: some View {
    Text(verbatim: text)
      .textSelection(.enabled)
      .padding(10)
      .background(Color.accentColor.opacity(0.15))
      .clipShape(RoundedRectangle(cornerRadius: 12))
      .frame(maxWidth: .infinity, alignment: .trailing)
  }
}

/// An answer as it streams. VoiceOver reads its text; the figures are an action of it.
struct AnswerBubble: View {
  let turn: Turn
  let showFigures: () -> Void

  var body: some View {
    VStack(alignment: .leading, spacing: 8) {
      ForEach(Array(turn.blocks.enumerated()), id: \.offset) { _, block in BlockView(block: block).equatable() }
    }
    .padding(10)
    .background(Color.secondary.opacity(0.1))
    .clipShape(RoundedRectangle(cornerRadius: 12))
    .frame(maxWidth: .infinity, alignment: .leading)
    .opacity(turn.isSeen ? 1 : 0.6)
    .contentShape(Rectangle())
    .onTapGesture { if turn.figures != nil { showFigures() } }
    .contextMenu {
      Button("Copy", systemImage: "doc.on.doc") { UIPasteboard.general.string = turn.answer }
      ShareLink("Share", item: turn.answer)
      Button("Figures", systemImage: "gauge.with.needle", action: showFigures).disabled(turn.figures == nil)
    }
    .accessibilityElement(children: .ignore)
    .accessibilityLabel(Text(verbatim: turn.blocks.map(\.spoken).joined(separator: "\n")))
    .accessibilityAction(named: "Copy") { UIPasteboard.general.string = turn.answer }
    .accessibilityAction(named: "Figures") { showFigures() }
  }
}

/// Blocks that have ended are equal to what they were, and are not laid out again.
private struct BlockView: View, Equatable {
  let block: MarkdownBlock

  var body: some View {
    Group {
      switch block.kind {
      case .paragraph: inline
      case .heading: inline.font(block.level == 1 ? .title2 : block.level == 2 ? .title3 : .headline)
      case .listItem:
        HStack(alignment: .firstTextBaseline) {
          Text(verbatim: block.marker.first?.isNumber == true ? block.marker : "\u{2022}")
          inline
        }
      case .quote:
        inline.foregroundStyle(.secondary).padding(.leading, 10)
          .overlay(alignment: .leading) { Rectangle().fill(.secondary).frame(width: 3) }
      case .code:
        ScrollView(.horizontal) { Text(verbatim: block.text).font(.callout.monospaced()) }
          .padding(8)
          .background(Color.secondary.opacity(0.12))
          .clipShape(RoundedRectangle(cornerRadius: 6))
      case .rule: Divider()
      }
    }
    .padding(.leading, CGFloat(block.kind == .heading ? 0 : block.level) * 18)
  }

  private var inline: Text {
    let options = AttributedString.MarkdownParsingOptions(interpretedSyntax: .inlineOnlyPreservingWhitespace)
    return (try? AttributedString(markdown: block.text, options: options)).map { Text($0) }
      ?? Text(verbatim: block.text)
  }
}
