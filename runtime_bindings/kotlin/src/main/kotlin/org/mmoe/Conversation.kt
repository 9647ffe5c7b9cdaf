package org.mmoe

/** What the library's templates read, as JSON; each of [tools] is JSON already. */
internal fun conversationJson(messages: List<Message>, tools: List<String>): String {
    val turns = messages.joinToString { """{"role": ${quoted(it.role.id)}, "content": ${quoted(it.content)}}""" }
    val offered = if (tools.isEmpty()) "null" else tools.joinToString(prefix = "[", postfix = "]")
    return """{"add_generation_prompt": true, "messages": [$turns], "tools": $offered}"""
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
