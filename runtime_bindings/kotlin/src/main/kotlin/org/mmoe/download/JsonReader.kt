package org.mmoe.download

/**
 * Reads JSON into maps, lists, strings, longs, doubles, booleans and null. (Android's own org.json is not there on a JVM.)
 *
 * @throws IllegalArgumentException the text is no JSON; the message says where.
 */
internal class JsonReader private constructor(private val text: String) {
    private var place = 0

    private fun fail(expected: String): Nothing = throw IllegalArgumentException("$expected expected at character $place")

    private fun skipSpace() {
        while (place < text.length && text[place] in " \t\r\n") place++
    }

    private fun peek(): Char {
        skipSpace()
        return if (place < text.length) text[place] else fail("a value")
    }

    private fun taken(character: Char): Boolean = (peek() == character).also { if (it) place++ }

    private fun take(character: Char) {
        if (!taken(character)) fail("\"$character\"")
    }

    private fun value(depth: Int): Any? {
        if (depth > MOST_DEPTH) fail("less nesting")
        return when (peek()) {
            '{' -> items('{', '}') { string().also { take(':') } to value(depth + 1) }.toMap()
            '[' -> items('[', ']') { value(depth + 1) }
            '"' -> string()
            else -> word()
        }
    }

    private fun <T> items(open: Char, close: Char, item: () -> T): List<T> = buildList {
        take(open)
        if (taken(close)) return@buildList
        do add(item()) while (taken(','))
        take(close)
    }

    private fun string(): String = buildString {
        take('"')
        while (true) {
            if (place >= text.length) fail("the end of a string")
            when (val character = text[place++]) {
                '"' -> return@buildString
                '\\' -> append(escaped())
                else -> append(character)
            }
        }
    }

    private fun escaped(): Char {
        if (place >= text.length) fail("an escape")
        return when (val character = text[place++]) {
            'n' -> '\n'
            't' -> '\t'
            'r' -> '\r'
            'b' -> '\b'
            'f' -> '\u000c'
            '"', '\\', '/' -> character
            'u' -> {
                if (place + 4 > text.length) fail("four digits")
                place += 4
                (text.substring(place - 4, place).toIntOrNull(16) ?: fail("four digits")).toChar()
            }
            else -> fail("an escape")
        }
    }

    private fun word(): Any? {
        val from = place
        while (place < text.length && (text[place].isLetterOrDigit() || text[place] in "+-.")) place++
        return when (val word = text.substring(from, place)) {
            "true" -> true
            "false" -> false
            "null" -> null
            else -> word.toLongOrNull() ?: word.toDoubleOrNull() ?: fail("a value")
        }
    }

    companion object {
        private const val MOST_DEPTH = 64

        fun read(text: String): Any? = JsonReader(text).run {
            val found = value(0)
            skipSpace()
            if (place != text.length) fail("the end")
            found
        }
    }
}
