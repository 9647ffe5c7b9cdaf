package org.mmoe.markdown

/**
 * Reads what stands inside a block: `**strong**`, `*emphasis*`, both also with `_`, `` `code` ``, `[text](address)`, bare
 * addresses, and a backslash in front of punctuation. One pass, whatever the text is: no mark is looked for twice. Less than
 * CommonMark in this: links have no titles, runs of more than three marks are text, and only web and mail addresses are links.
 *
 * @param open the text goes on: what is not closed yet is shown as if it ended here, so that an answer does not flicker.
 */
internal class InlineParser(private val source: String, private val open: Boolean) {
    /** What is shown if nothing turns out to be hidden. */
    private val pieces = ArrayList<String>()
    private val found = ArrayList<Found>()
    private val marks = ArrayList<Mark>()

    /** How many of [marks] are of a character. */
    private val waiting = IntArray(128)
    private val brackets = ArrayList<Bracket>()
    private val sameRuns = if ('`' in source) backtickRuns() else IntArray(0)
    private var at = 0
    private var plainFrom = 0

    /** A span from one piece to before another. */
    private class Found(val style: Style, val from: Int, val to: Int, val target: String?)

    /** Marks that may begin a span: each is a piece of its own. */
    private class Mark(val character: Char, val piece: Int, var length: Int)

    private class Bracket(val piece: Int, val marks: Int, val found: Int)

    fun parse(): Inline {
        while (at < source.length) {
            when (val character = source[at]) {
                '\\' -> escape()
                '`' -> code()
                '*', '_' -> emphasis(character)
                '[' -> {
                    endPlain()
                    brackets += Bracket(pieces.size, marks.size, found.size)
                    take(1)
                }
                ']' -> link()
                'h' -> address()
                else -> at++
            }
        }
        endPlain()
        if (open) for (mark in marks.asReversed()) close(mark, mark.length)
        return joined()
    }

    private fun joined(): Inline {
        val places = IntArray(pieces.size + 1)
        val text = StringBuilder(source.length)
        pieces.forEachIndexed { index, piece ->
            text.append(piece)
            places[index + 1] = text.length
        }
        val spans = found.map { Span(it.style, places[it.from], places[it.to], it.target) }.filter { it.start < it.end }
        return Inline(text.toString(), spans)
    }

    /** The plain text so far becomes a piece. */
    private fun endPlain() {
        if (at > plainFrom) pieces += source.substring(plainFrom, at)
        plainFrom = at
    }

    /** [length] characters become a piece, shown as [text]; the plain text in front has ended. */
    private fun take(length: Int, text: String = source.substring(at, at + length)) {
        pieces += text
        at += length
        plainFrom = at
    }

    private fun escape() {
        val next = source.getOrNull(at + 1)
        if (next != null && next != '\n' && isPunctuation(next)) {
            endPlain()
            take(2, next.toString())
        } else {
            at++
        }
    }

    private fun runLength(from: Int): Int {
        var end = from
        while (end < source.length && source[end] == source[from]) end++
        return end - from
    }

    /** For each place where a run of backticks begins: where the next run of the same length does, or -1. */
    private fun backtickRuns(): IntArray {
        val next = IntArray(source.length) { -1 }
        val last = HashMap<Int, Int>()
        var place = 0
        while (place < source.length) {
            if (source[place] == '`') {
                val length = runLength(place)
                last.put(length, place)?.let { next[it] = place }
                place += length
            } else {
                place++
            }
        }
        return next
    }

    private fun code() {
        endPlain()
        val length = runLength(at)
        val end = sameRuns[at].let { if (it < 0 && open && at + length < source.length) source.length else it }
        if (end < 0) {
            take(length)
            return
        }
        var text = source.substring(at + length, end).replace('\n', ' ')
        if (text.length > 2 && text.startsWith(' ') && text.endsWith(' ')) text = text.substring(1, text.length - 1)
        take(minOf(end + length, source.length) - at, text)
        found += Found(Style.CODE, pieces.size - 1, pieces.size, null)
    }

    private fun emphasis(character: Char) {
        endPlain()
        val length = runLength(at)
        val before = source.getOrElse(at - 1) { ' ' }
        val after = source.getOrElse(at + length) { ' ' }
        val left = !after.isWhitespace() && (!isPunctuation(after) || before.isWhitespace() || isPunctuation(before))
        val right = !before.isWhitespace() && (!isPunctuation(before) || after.isWhitespace() || isPunctuation(after))
        val inWord = character == '_' && left && right
        if (length > MOST_MARKS) {
            take(length)
            return
        }
        var rest = length
        if (right && (!inWord || isPunctuation(after))) {
            while (rest > 0) rest -= closeLast(character, rest) ?: break
        }
        if (rest > 0 && left && (!inWord || isPunctuation(before))) {
            marks += Mark(character, pieces.size, rest)
            waiting[character.code]++
        }
        // What has closed something is not shown; each of the others is a piece that may still be hidden.
        at += length - rest
        plainFrom = at
        repeat(rest) { take(1) }
    }

    /** Closes the last mark of [character]; gives how many of [most] that took, null if there is none. */
    private fun closeLast(character: Char, most: Int): Int? {
        if (waiting[character.code] == 0) return null
        // What was begun inside and is not closed is text.
        while (marks.last().character != character) dropLast()
        val mark = marks.last()
        val taken = minOf(mark.length, most)
        close(mark, taken)
        if (mark.length == 0) dropLast()
        return taken
    }

    private fun dropLast() {
        waiting[marks.removeAt(marks.lastIndex).character.code]--
    }

    private fun close(mark: Mark, length: Int) {
        val inside = mark.piece + mark.length
        repeat(length) { pieces[inside - 1 - it] = "" }
        mark.length -= length
        if (length != 2) found += Found(Style.EMPHASIS, inside, pieces.size, null)
        if (length != 1) found += Found(Style.STRONG, inside, pieces.size, null)
    }

    private fun link() {
        endPlain()
        val bracket = brackets.lastOrNull()?.also { brackets.removeAt(brackets.lastIndex) }
        // A link without a text would be invisible.
        val linked = bracket != null && source[at - 1] != '[' && source.getOrNull(at + 1) == '('
        val end = if (linked) addressEnd(at + 2) else -1
        if (bracket == null || end < 0) {
            take(1)
            return
        }
        val target = source.substring(at + 2, end)
        pieces[bracket.piece] = ""
        take(end + 1 - at, "")
        while (marks.size > bracket.marks) dropLast()
        if (found.size > bracket.found) found.subList(bracket.found, found.size).removeAll { it.style == Style.LINK }
        found += Found(Style.LINK, bracket.piece, pieces.size, target)
        // There are no links in links.
        brackets.clear()
    }

    /** Where the parenthesis of a link closes whose address begins at [from]; -1 if it is no link to anything safe. */
    private fun addressEnd(from: Int): Int {
        if (SCHEMES.none { source.startsWith(it, from, ignoreCase = true) }) return -1
        var depth = 1
        var place = from
        while (place < source.length) {
            when (val character = source[place]) {
                '(' -> depth++
                ')' -> if (--depth == 0) return place
                '[', ']', '<', '>' -> return -1
                else -> if (character.isWhitespace()) return -1
            }
            place++
        }
        return -1
    }

    private fun address() {
        val scheme = SCHEMES.firstOrNull { it.endsWith("/") && source.startsWith(it, at) }
        if (scheme == null || (at > 0 && source[at - 1].isLetterOrDigit())) {
            at++
            return
        }
        endPlain()
        var end = at + scheme.length
        var open = 0
        while (end < source.length && !source[end].isWhitespace() && source[end] !in "<>[]*`\"") {
            if (source[end] == '(') open++
            if (source[end] == ')' && --open < 0) break
            end++
        }
        // A sentence's own punctuation is not the address's.
        while (end > at + scheme.length && source[end - 1] in ".,;:!?_'") end--
        val text = source.substring(at, end)
        take(end - at)
        if (text.length > scheme.length) found += Found(Style.LINK, pieces.size - 1, pieces.size, text)
    }

    private fun isPunctuation(character: Char) = !character.isLetterOrDigit() && !character.isWhitespace()

    private companion object {
        const val MOST_MARKS = 3
        val SCHEMES = listOf("http://", "https://", "mailto:")
    }
}
