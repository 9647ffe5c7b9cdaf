/// What the core's templates read, as JSON; each of `tools` is JSON already.
func conversationJSON(_ messages: [Message], tools: [String]) -> String {
  let offered = tools.isEmpty ? "null" : "[\(tools.joined(separator: ", "))]"
  let said = "[\(messages.map(\.json).joined(separator: ", "))]"
  return "{\"add_generation_prompt\": true, \"messages\": \(said), \"tools\": \(offered)}"
}

extension Message {
  fileprivate var json: String {
    let calls = toolCalls.map { call in
      "{\"type\": \"function\", \"function\": {\"name\": \(quoted(call.name)), \"arguments\": \(call.arguments)}}"
    }
    let more = calls.isEmpty ? "" : ", \"tool_calls\": [\(calls.joined(separator: ", "))]"
    return "{\"role\": \(quoted(role.rawValue)), \"content\": \(quoted(content))\(more)}"
  }

  /// An assistant's message that the core has written.
  init(json: String) {
    let message = members(json)
    let calls = message["tool_calls"].map(elements) ?? []
    self.init(
      .assistant, string(message["content"]!),
      toolCalls: calls.map { call in
        let function = members(String(members(call)["function"]!))
        return ToolCall(string(function["name"]!), arguments: String(function["arguments"]!))
      })
  }
}

private func quoted(_ text: String) -> String {
  var json = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"", "\\":
      json += "\\"
      json.unicodeScalars.append(scalar)
    case "\0"..<" ":
      let digits = String(scalar.value, radix: 16)
      json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: json.unicodeScalars.append(scalar)
    }
  }
  return json + "\""
}

// Of JSON that the core has written: valid, its strings escaped as `quoted` does it, no name with a colon, and ", " and ": "
// between its parts.

private func members(_ json: String) -> [String: String] {
  var members: [String: String] = [:]
  for element in elements(json) {
    let scalars = element.unicodeScalars
    let colon = scalars.firstIndex(of: ":")!
    members[string(String(scalars[..<colon]))] = String(scalars[scalars.index(colon, offsetBy: 2)...])
  }
  return members
}

/// What stands between the commas of an array or an object.
private func elements(_ json: String) -> [String] {
  // Scalars: a letter and the mark that combines with it are one character to Swift, and so would be a quote and a mark.
  var elements = [String.UnicodeScalarView()]
  var (depth, quoted, escaped) = (0, false, false)
  for scalar in json.unicodeScalars.dropFirst().dropLast() {
    if escaped {
      escaped = false
    } else if quoted {
      escaped = scalar == "\\"
      quoted = scalar != "\""
    } else {
      switch scalar {
      case "\"": quoted = true
      case "[", "{": depth += 1
      case "]", "}": depth -= 1
      case "," where depth == 0:
        elements.append(String.UnicodeScalarView())
        continue
      case " " where elements[elements.count - 1].isEmpty: continue
      default: break
      }
    }
    elements[elements.count - 1].append(scalar)
  }
  return elements.filter { !$0.isEmpty }.map { String($0) }
}

private func string(_ json: String) -> String {
  var text = String.UnicodeScalarView()
  var scalars = json.unicodeScalars.dropFirst().dropLast().makeIterator()
  while let scalar = scalars.next() {
    guard scalar == "\\", let escaped = scalars.next() else {
      text.append(scalar)
      continue
    }
    if escaped == "u" {
      var digits = String.UnicodeScalarView()
      for _ in 0..<4 { digits.append(scalars.next()!) }
      text.append(Unicode.Scalar(UInt8(String(digits), radix: 16)!))
    } else {
      text.append(escaped)
    }
  }
  return String(text)
}
