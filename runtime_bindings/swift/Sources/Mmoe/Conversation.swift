/// What the core's templates read, as JSON; each of `tools` is JSON already.
func conversationJSON(_ messages: [Message], tools: [String]) -> String {
  let turns = messages.map { "{\"role\": \(quoted($0.role.rawValue)), \"content\": \(quoted($0.content))}" }
  let offered = tools.isEmpty ? "null" : "[\(tools.joined(separator: ", "))]"
  let said = "[\(turns.joined(separator: ", "))]"
  return "{\"add_generation_prompt\": true, \"messages\": \(said), \"tools\": \(offered)}"
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
