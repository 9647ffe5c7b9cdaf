package org.mmoe.markdown

/**
 * Markdown that arrives in pieces, as [blocks]: however it is cut, they are those of the whole text. A line that is not
 * complete is read as if it were. Blocks that are [closed] do not change any more.
 *
 * No block is much longer than 4,000 characters, so that reading the open one again for each token costs no more at the end
 * of a long answer than at its beginning, and a hostile text no more than its length.
 */
public class MarkdownStream {
    private val done = ArrayList<Block>()
    private val lines = LineParser()
    private val line = StringBuilder()

    /** Blocks that stay what they are. */
    public val closed: List<Block> get() = done

    /** The block that goes on; more than one if the incomplete line begins another, none at the beginning. */
    public var open: List<Block> = emptyList()
        private set

    public val blocks: List<Block> get() = done + open

    /** The next piece of the text. */
    public fun append(text: CharSequence) {
        for (character in text) {
            if (character != '\n') line.append(character)
            if (character == '\n' || line.length >= MOST_CHARACTERS) endLine(cut = character != '\n')
        }
        open = buildList {
            val rest = lines.copy()
            if (line.isNotEmpty()) rest.add(line.toString(), this)
            rest.current(open = true)?.let(::add)
        }
    }

    /** Nothing more comes: marks that were not closed are text after all. */
    public fun end() {
        if (line.isNotEmpty()) endLine(cut = false)
        lines.close(done)
        open = emptyList()
    }

    private fun endLine(cut: Boolean) {
        lines.add(line.toString(), done, cut)
        line.setLength(0)
    }
}
