package org.mmoe.markdown

import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/** What a screen has to do while an answer grows. */
class StreamedMarkdownTest {
    private class Screen : BlockTarget {
        val blocks = mutableListOf<Block>()
        val closed = mutableListOf<Block>()
        var shown = 0
        var characters = 0

        override fun show(index: Int, block: Block, closed: Boolean) {
            assertTrue(index <= blocks.size, "blocks come one after another")
            if (index == blocks.size) blocks += block else blocks[index] = block
            if (closed) this.closed += block
            shown++
            characters += block.spoken().length
        }

        override fun cut(count: Int) {
            while (blocks.size > count) blocks.removeAt(blocks.lastIndex)
        }
    }

    private fun streamed(text: String, sizes: () -> Int): Screen {
        val screen = Screen()
        val markdown = StreamedMarkdown(screen)
        var end = 0
        while (end < text.length) {
            end = minOf(text.length, end + sizes())
            markdown.show(text.substring(0, end), ended = false)
            assertEquals(MarkdownStream().apply { append(text.substring(0, end)) }.blocks, screen.blocks, "after $end characters")
        }
        markdown.show(text, ended = true)
        markdown.show(text, ended = true)
        return screen
    }

    @Test
    fun theScreenHasTheBlocksOfTheTextAndHearsOfEachOnceWhenItIsComplete() {
        val text = "# Title\n\nSome **bold** words\nand more.\n\n- one\n- two\n\n```c\nint a;\n```\n---\nend of *it"
        for (seed in 0..20) {
            val random = Random(seed)
            val screen = streamed(text) { 1 + random.nextInt(9) }
            val whole = MarkdownStream().apply { append(text); end() }.blocks
            assertEquals(whole, screen.blocks)
            assertEquals(whole, screen.closed, "each is said once, when it is complete")
        }
    }

    /** A hundred paragraphs, token by token: what is shown again is the open one alone. */
    @Test
    fun onlyTheOpenBlockIsShownAgain() {
        val paragraph = "word ".repeat(20) + "\n\n"
        val text = paragraph.repeat(100)
        val screen = Screen()
        val markdown = StreamedMarkdown(screen)
        for (end in 5..text.length step 5) {
            val before = screen.characters
            markdown.show(text.substring(0, end), ended = false)
            assertTrue(screen.characters - before <= 2 * paragraph.length, "at $end: ${screen.characters - before} characters")
        }
        assertEquals(100, screen.blocks.size)
        assertTrue(screen.shown <= 25 * 100, "${screen.shown}")
    }
}
