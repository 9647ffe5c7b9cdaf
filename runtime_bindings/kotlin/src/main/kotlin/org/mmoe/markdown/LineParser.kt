package org.mmoe.markdown

internal const val MOST_CHARACTERS = 4000

/**
 * The block structure of lines: headings with `#`, lists with any of their marks and inside each other, quotes, fenced code
 * and rules. Everything else, tables and HTML too, is a paragraph, whose line breaks stay.
 */
internal class LineParser private constructor(
    private var kind: Kind,
    private var text: StringBuilder,
    /** Of the open block. */
    private var lines: Int,
    private var marker: String,
    private var depth: Int,
    private var fence: Fence?,
    private var continued: Boolean,
    /** How far the items are indented that the next line may belong to. */
    private var indents: List<Int>,
) {
    private enum class Kind { NONE, PARAGRAPH, ITEM, QUOTE, CODE }

    private class Fence(val character: Char, val length: Int, val indent: Int, val language: String)

    constructor() : this(Kind.NONE, StringBuilder(), 0, "", 0, null, false, emptyList())

    fun copy() = LineParser(kind, StringBuilder(text), lines, marker, depth, fence, continued, indents)

    /** Takes the next line; blocks that it ends go to [out]. A line that was [cut] for its length goes on in another block. */
    fun add(given: String, out: MutableList<Block>, cut: Boolean = false) {
        val whole = given.removeSuffix("\r").replace("\t", "    ").trimEnd(' ')
        val indent = whole.indexOfFirst { it != ' ' }.coerceAtLeast(0)
        val line = whole.substring(indent)
        val inside = fence
        when {
            inside != null -> addCode(inside, whole, line, indent, out)
            line.isEmpty() -> close(out)
            else -> addText(line, indent, out)
        }
        if (cut || text.length >= MOST_CHARACTERS) {
            val goesOn = fence
            close(out)
            if (goesOn != null) begin(Kind.CODE, fence = goesOn, continued = true)
        }
    }

    /** The open block; null if there is none. */
    fun current(open: Boolean): Block? =
        when (kind) {
            Kind.NONE -> null
            Kind.PARAGRAPH -> Block.Paragraph(inline(text.toString(), open), depth)
            Kind.ITEM -> Block.Item(marker, inline(text.toString(), open), depth)
            Kind.QUOTE -> Block.Quote(inline(text.toString(), open))
            Kind.CODE -> if (continued && lines == 0) null else Block.Code(fence!!.language, text.toString(), continued)
        }

    fun close(out: MutableList<Block>) {
        current(open = false)?.let(out::add)
        begin(Kind.NONE)
    }

    private fun begin(kind: Kind, marker: String = "", depth: Int = 0, fence: Fence? = null, continued: Boolean = false) {
        this.kind = kind
        this.marker = marker
        this.depth = minOf(depth, MOST_DEPTH)
        this.fence = fence
        this.continued = continued
        text.setLength(0)
        lines = 0
    }

    private fun append(line: String) {
        if (lines++ > 0) text.append('\n')
        text.append(line)
    }

    private fun addCode(fence: Fence, whole: String, line: String, indent: Int, out: MutableList<Block>) {
        if (line.length >= fence.length && line.all { it == fence.character }) {
            close(out)
        } else {
            append(whole.substring(minOf(indent, fence.indent)))
        }
    }

    private fun addText(line: String, indent: Int, out: MutableList<Block>) {
        val fenced = fenceOf(line, indent)
        val level = headingLevel(line)
        if (fenced != null || level > 0 || isRule(line)) {
            close(out)
            if (indent < NESTED) indents = emptyList()
            when {
                fenced != null -> begin(Kind.CODE, fence = fenced)
                level > 0 -> out += Block.Heading(level, inline(headingText(line, level), open = false))
                else -> out += Block.Rule
            }
            return
        }
        val marker = markerOf(line)
        if (line.startsWith('>')) {
            if (kind != Kind.QUOTE) close(out)
            if (kind != Kind.QUOTE) begin(Kind.QUOTE)
            append(line.trimStart('>', ' '))
        } else if (marker != null) {
            close(out)
            indents = indents.dropLastWhile { it > indent - NESTED } + indent
            begin(Kind.ITEM, if (marker.length == 1) "•" else marker, indents.size - 1)
            append(line.substring(marker.length).trimStart())
        } else {
            if (kind == Kind.NONE) {
                if (indent < NESTED) indents = emptyList()
                begin(Kind.PARAGRAPH, depth = indents.count { it < indent })
            }
            append(line)
        }
    }

    private fun fenceOf(line: String, indent: Int): Fence? {
        val character = line.first().takeIf { it == '`' || it == '~' } ?: return null
        val length = line.indexOfFirst { it != character }.let { if (it < 0) line.length else it }
        val info = line.substring(length).trim()
        if (length < FENCE || (character == '`' && '`' in info)) return null
        return Fence(character, length, indent, info.substringBefore(' '))
    }

    /** 0: it is none. */
    private fun headingLevel(line: String): Int {
        val level = line.indexOfFirst { it != '#' }.let { if (it < 0) line.length else it }
        return if (level in 1..6 && (level == line.length || line[level] == ' ')) level else 0
    }

    private fun headingText(line: String, level: Int): String {
        val text = line.substring(level).trim()
        val bare = text.trimEnd('#')
        return if (bare.isEmpty() || bare.endsWith(' ')) bare.trimEnd() else text
    }

    private fun isRule(line: String): Boolean =
        line.first() in "-*_" && line.all { it == line.first() || it == ' ' } && line.count { it != ' ' } >= FENCE

    /** What an item begins with. In the middle of a paragraph a number is one only if it is 1: lines may begin with a year. */
    private fun markerOf(line: String): String? {
        val digits = line.indexOfFirst { it !in '0'..'9' }.let { if (it < 0) line.length else it }
        val length = if (digits == 0) 1 else digits + 1
        if (digits > MOST_DIGITS || length > line.length || (length < line.length && line[length] != ' ')) return null
        val marker = line.substring(0, length)
        if (digits == 0) return marker.takeIf { it in BULLETS }
        return marker.takeIf { it.last() in ".)" && (kind != Kind.PARAGRAPH || it.dropLast(1) == "1") }
    }

    private fun inline(text: String, open: Boolean) = InlineParser(text, open).parse()

    private companion object {
        const val FENCE = 3
        const val NESTED = 2
        const val MOST_DEPTH = 6
        const val MOST_DIGITS = 9
        val BULLETS = setOf("-", "*", "+")
    }
}
