package org.mmoe

/** What the library's templates read, as JSON; each of [tools] is JSON already. */
internal fun conversationJson(messages: List<Message>, tools: List<String>): String {
    val turns = messages.joinToString(transform = ::messageJson)
    val offered = if (tools.isEmpty()) "null" else tools.joinToString(prefix = "[", postfix = "]")
    return """{"add_generation_prompt": true, "messages": [$turns], "tools": $offered}"""
}

/** A message that the library has written. */
internal fun messageOf(json: String): Message {
    val members = members(json)
    val calls = members["tool_calls"]?.let(::elements).orEmpty().map { call ->
        val function = members(members(call).getValue("function"))
        ToolCall(string(function.getValue("name")), function.getValue("arguments"))
    }
    return Message(Role.ASSISTANT, string(members.getValue("content")), calls)
}

private fun messageJson(message: Message): String {
    val calls = message.toolCalls.joinToString { call ->
        """{"type": "function", "function": {"name": ${quoted(call.name)}, "arguments": ${call.arguments}}}"""
    }
    val more = if (calls.isEmpty()) "" else """, "tool_calls": [$calls]"""
    return """{"role": ${quoted(message.role.id)}, "content": ${quoted(message.content)}$more}"""
}

private fun quoted(text: String): String = buildString(text.length + 2) {
    append('"')
    for (character in text) {
        when {
            character == '"' || character == '\\' -> append('\\').append(character)
            character < ' ' -> append("\\u%04x".format(character.code))
            else -> append(character)
        }
    }
    append('"')
}

// Of JSON that the library has written: valid, its strings escaped as `quoted` does it, and no name holds a colon.

private fun members(json: String): Map<String, String> =
    elements(json).associate { string(it.substringBefore(':')) to it.substringAfter(':').trim() }

/** What stands between the commas of an array or an object. */
private fun elements(json: String): List<String> {
    val inside = json.trim().drop(1).dropLast(1)
    val elements = mutableListOf<String>()
    var begin = 0
    var depth = 0
    var quoted = false
    var at = 0
    while (at < inside.length) {
        when (inside[at]) {
            '\\' -> at++ // what is escaped ends nothing
            '"' -> quoted = !quoted
            '[', '{' -> if (!quoted) depth++
            ']', '}' -> if (!quoted) depth--
            ',' ->
                if (!quoted && depth == 0) {
                    elements += inside.substring(begin, at).trim()
                    begin = at + 1
                }
        }
        at++
    }
    return (elements + inside.substring(begin).trim()).filter { it.isNotEmpty() }
}

private fun string(json: String): String = buildString(json.length) {
    val inside = json.trim().drop(1).dropLast(1)
    var at = 0
    while (at < inside.length) {
        val character = inside[at++]
        if (character != '\\') {
            append(character)
        } else if (inside[at] == 'u') {
            append(inside.substring(at + 1, at + 5).toInt(16).toChar())
            at += 5
        } else {
            append(inside[at++])
        }
    }
}
