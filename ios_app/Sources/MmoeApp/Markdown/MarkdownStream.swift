/// Markdown that arrives in pieces, as blocks: however it is cut, they are those of the whole text. A line that is not complete
/// is read as if it were.
///
/// Headings with `#`, lists with any of their marks and inside each other, quotes, fenced code and rules; everything else is a
/// paragraph, whose line breaks stay. No block is much longer than `mostBytes`, so that reading the open one again for each piece
/// costs no more at the end of a long answer than at its beginning, and a hostile text no more than its length.
public struct MarkdownStream: Sendable {
  static let mostBytes = 2048

  /// All but the last `openCount` stay what they are.
  public private(set) var blocks: [MarkdownBlock] = []
  private var openCount = 0
  private var reader = LineReader()
  private var line: [UInt8] = []
  private var isCut = false

  public init() {}

  public init(_ text: String) {
    append(text)
  }

  public mutating func append(_ text: String) {
    guard !text.isEmpty else { return }
    blocks.removeLast(openCount)
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\n") {
        endLine(cut: false)
      } else {
        // Not inside of a character.
        if line.count >= Self.mostBytes, byte & 0xc0 != 0x80 { endLine(cut: true) }
        line.append(byte)
      }
    }
    let complete = blocks.count
    var rest = reader
    if !line.isEmpty { rest.add(line, continues: isCut, &blocks) }
    if let open = rest.block { blocks.append(open) }
    openCount = blocks.count - complete
  }

  private mutating func endLine(cut: Bool) {
    reader.add(line, continues: isCut, &blocks)
    line.removeAll(keepingCapacity: true)
    isCut = cut
  }
}

/// What the complete lines so far have come to: blocks that have ended go out, `block` is the one that goes on.
private struct LineReader {
  private struct Fence {
    let character: UInt8
    let length: Int
    let indent: Int
  }

  private(set) var block: MarkdownBlock?
  private var isEmpty = true
  private var fence: Fence?
  /// How far the items are indented that a line is inside of.
  private var indents: [Int] = []

  /// - Parameter continues: the line in front was too long, and this is the rest of it.
  mutating func add(_ whole: [UInt8], continues: Bool, _ out: inout [MarkdownBlock]) {
    if continues {
      // The rest of a rule is nothing.
      if block != nil { append(whole[...], separator: "", &out) }
      return
    }
    let untabbed = whole.contains(9) ? whole.flatMap { $0 == 9 ? [32, 32, 32, 32] : [$0] } : whole
    let line = untabbed.last == 13 ? untabbed.dropLast() : untabbed[...]
    let content = line.drop { $0 == 32 }
    let indent = line.count - content.count
    if let fence {
      addCode(fence, line, content, indent, &out)
    } else if content.isEmpty {
      close(&out)
    } else if !begin(content, indent, &out) {
      addText(content, indent, &out)
    }
  }

  private mutating func addCode(
    _ fence: Fence, _ line: ArraySlice<UInt8>, _ content: ArraySlice<UInt8>, _ indent: Int, _ out: inout [MarkdownBlock]
  ) {
    let mark = trimmed(content)
    if mark.count >= fence.length, mark.allSatisfy({ $0 == fence.character }) {
      self.fence = nil
      close(&out)
    } else {
      append(line.dropFirst(min(indent, fence.indent)), separator: "\n", &out)
    }
  }

  /// Whether the line begins a block that is no paragraph.
  private mutating func begin(_ content: ArraySlice<UInt8>, _ indent: Int, _ out: inout [MarkdownBlock]) -> Bool {
    let first = content.first!
    switch first {
    case UInt8(ascii: "#"):
      let level = content.prefix { $0 == first }.count
      let rest = content.dropFirst(level)
      guard level <= 6, rest.isEmpty || rest.first == 32 else { return false }
      leave(indent, &out)
      open(MarkdownBlock(kind: .heading, level: level), withoutClosingMarks(rest), &out)
      close(&out)
    case UInt8(ascii: ">"):
      let rest = content.drop { $0 == first || $0 == 32 }
      if block?.kind == .quote {
        append(rest, separator: "\n", &out)
      } else {
        leave(indent, &out)
        open(MarkdownBlock(kind: .quote, level: indents.count), rest, &out)
      }
    case UInt8(ascii: "`"), UInt8(ascii: "~"):
      let length = content.prefix { $0 == first }.count
      let info = content.dropFirst(length)
      guard length >= 3, first != UInt8(ascii: "`") || !info.contains(first) else { return false }
      leave(indent, &out)
      let language = info.drop { $0 == 32 }.prefix { $0 != 32 }
      open(MarkdownBlock(kind: .code, level: indents.count, language: text(language)), nil, &out)
      fence = Fence(character: first, length: length, indent: indent)
    default:
      if isRule(content) {
        close(&out)
        indents = []
        out.append(MarkdownBlock(kind: .rule))
        return true
      }
      return beginItem(content, indent, &out)
    }
    return true
  }

  private mutating func beginItem(_ content: ArraySlice<UInt8>, _ indent: Int, _ out: inout [MarkdownBlock]) -> Bool {
    let digits = content.prefix { (48...57).contains($0) }
    let mark = digits.isEmpty ? "-*+" : ".)"
    let rest = content.dropFirst(digits.count)
    guard let end = rest.first, mark.utf8.contains(end), digits.count <= 9 else { return false }
    let behind = rest.dropFirst()
    let said = behind.drop { $0 == 32 }
    guard behind.isEmpty || behind.first == 32 else { return false }
    // A sentence may have a number, or a dash, at the beginning of its second line.
    if block?.kind == .paragraph, indents.isEmpty, said.isEmpty || !(digits.isEmpty || text(digits) == "1") {
      return false
    }
    leave(indent, &out)
    open(
      MarkdownBlock(kind: .listItem, level: indents.count, marker: text(content.prefix(digits.count + 1))), said, &out)
    indents.append(indent)
    return true
  }

  private mutating func addText(_ content: ArraySlice<UInt8>, _ indent: Int, _ out: inout [MarkdownBlock]) {
    if block != nil {
      append(content, separator: "\n", &out)
    } else {
      leave(indent, &out)
      open(MarkdownBlock(kind: .paragraph, level: indents.count), content, &out)
    }
  }

  /// Ends the open block, and the items that a line of this indent is not inside of.
  private mutating func leave(_ indent: Int, _ out: inout [MarkdownBlock]) {
    close(&out)
    while let last = indents.last, indent < last + 2 { indents.removeLast() }
  }

  private mutating func open(_ begun: MarkdownBlock, _ content: ArraySlice<UInt8>?, _ out: inout [MarkdownBlock]) {
    (block, isEmpty) = (begun, true)
    if let content { append(content, separator: "", &out) }
  }

  private mutating func close(_ out: inout [MarkdownBlock]) {
    if let block, !block.isContinued || !isEmpty { out.append(block) }
    block = nil
  }

  private mutating func append(_ content: ArraySlice<UInt8>, separator: String, _ out: inout [MarkdownBlock]) {
    if let full = block, full.text.utf8.count >= MarkdownStream.mostBytes {
      close(&out)
      var next = full
      (next.text, next.isContinued, isEmpty) = ("", true, true)
      block = next
    }
    if !isEmpty { block?.text += separator }
    block?.text += text(content)
    isEmpty = false
  }
}

private func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

private func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
  bytes.dropLast(bytes.reversed().prefix { $0 == 32 }.count)
}

private func withoutClosingMarks(_ heading: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
  let said = trimmed(heading)
  let marks = said.reversed().prefix { $0 == UInt8(ascii: "#") }.count
  let rest = said.dropLast(marks)
  return trimmed(marks > 0 && (rest.isEmpty || rest.last == 32) ? rest : said).drop { $0 == 32 }
}

private func isRule(_ content: ArraySlice<UInt8>) -> Bool {
  guard let mark = content.first, "-*_".utf8.contains(mark) else { return false }
  return content.allSatisfy { $0 == mark || $0 == 32 } && content.reduce(0) { $0 + ($1 == mark ? 1 : 0) } >= 3
}
