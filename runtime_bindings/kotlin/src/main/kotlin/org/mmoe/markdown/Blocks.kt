package org.mmoe.markdown

/** A piece of an answer that is shown by a view of its own. */
public sealed interface Block {
    /** @property depth how many lists it is inside of. */
    public data class Paragraph(public val text: Inline, public val depth: Int = 0) : Block

    /** @property level 1 to 6 */
    public data class Heading(public val level: Int, public val text: Inline) : Block

    /** @property marker a bullet, or the number that was written. */
    public data class Item(public val marker: String, public val text: Inline, public val depth: Int) : Block

    public data class Quote(public val text: Inline) : Block

    /** @property continued it goes on with the block in front, which was too long for one view. */
    public data class Code(public val language: String, public val text: String, public val continued: Boolean = false) : Block

    public data object Rule : Block
}

/** What a screen reader says of it. */
public fun Block.spoken(): String =
    when (this) {
        is Block.Paragraph -> text.text
        is Block.Heading -> text.text
        is Block.Item -> "$marker ${text.text}"
        is Block.Quote -> text.text
        is Block.Code -> text
        Block.Rule -> ""
    }

public enum class Style { STRONG, EMPHASIS, CODE, LINK }

/** [style] from [start] to before [end]; [target] is a link's. */
public data class Span(public val style: Style, public val start: Int, public val end: Int, public val target: String? = null)

/** Text without its marks, and where they were; spans in the order in which they end. */
public data class Inline(public val text: String, public val spans: List<Span> = emptyList())
