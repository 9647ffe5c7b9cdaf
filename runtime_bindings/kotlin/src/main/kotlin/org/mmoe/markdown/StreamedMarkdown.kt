package org.mmoe.markdown

/** Where blocks are shown, each by a view. */
public interface BlockTarget {
    /** Shows [block] at [index], which is new or holds an earlier state of it. One that has [closed] does not come again. */
    public fun show(index: Int, block: Block, closed: Boolean)

    /** Only the first [count] blocks are still there. */
    public fun cut(count: Int)
}

/** Shows an answer that grows: what has come since the last time is read, and only blocks that it changes are shown again. */
public class StreamedMarkdown(private val target: BlockTarget) {
    private val stream = MarkdownStream()
    private var taken = 0
    private var ended = false
    private var closed = 0
    private var shown: List<Block> = emptyList()

    /** @param text goes on with what it was; once it has [ended] it stays what it is. */
    public fun show(text: String, ended: Boolean) {
        if (this.ended || (text.length == taken && !ended)) return
        stream.append(text.subSequence(taken, text.length))
        taken = text.length
        this.ended = ended
        if (ended) stream.end()
        // What was open and is still first among what is new keeps its view.
        for (index in closed until stream.closed.size) target.show(index, stream.closed[index], closed = true)
        stream.open.forEachIndexed { place, block ->
            val index = stream.closed.size + place
            if (shown.getOrNull(index - closed) != block) target.show(index, block, closed = false)
        }
        val count = stream.closed.size + stream.open.size
        if (count < closed + shown.size) target.cut(count)
        closed = stream.closed.size
        shown = stream.open
    }
}
