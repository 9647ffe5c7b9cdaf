package org.mmoe.markdown

import java.lang.management.ManagementFactory
import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/** What Markdown becomes, against blocks written by hand, and what holds for every text. */
class MarkdownTest {
    private fun blocks(text: String): List<Block> = MarkdownStream().apply { append(text); end() }.blocks

    private fun inline(text: String, open: Boolean = false) = InlineParser(text, open).parse()

    private fun plain(text: String) = Inline(text)

    @Test
    fun blocksOfEveryKind() {
        val text = """
            # A *title* #
            Two lines
            of one paragraph.

            - one
              goes on
            - two
                1. deep
                2) deeper still
              back

              in two
            * three
            > said
            > twice
            ---
            ```kotlin
            val a = "**"

              # no heading
            ```
            1986. A year
            ####### no heading
        """.trimIndent()
        assertEquals(
            listOf(
                Block.Heading(1, Inline("A title", listOf(Span(Style.EMPHASIS, 2, 7)))),
                Block.Paragraph(plain("Two lines\nof one paragraph.")),
                Block.Item("•", plain("one\ngoes on"), 0),
                Block.Item("•", plain("two"), 0),
                Block.Item("1.", plain("deep"), 1),
                Block.Item("2)", plain("deeper still\nback"), 1),
                Block.Paragraph(plain("in two"), 1),
                Block.Item("•", plain("three"), 0),
                Block.Quote(plain("said\ntwice")),
                Block.Rule,
                Block.Code("kotlin", "val a = \"**\"\n\n  # no heading"),
                Block.Item("1986.", plain("A year\n####### no heading"), 0),
            ),
            blocks(text),
        )
    }

    @Test
    fun numbersAndDashesThatAreNoLists() {
        assertEquals(listOf(Block.Paragraph(plain("It was in\n1986. Or later\n-5 degrees"))), blocks("It was in\n1986. Or later\n-5 degrees"))
        assertEquals(listOf(Block.Paragraph(plain("Buy:")), Block.Item("1.", plain("tea"), 0)), blocks("Buy:\n1. tea"))
        assertEquals(emptyList(), blocks("\n \n\t\n"))
        assertEquals(listOf(Block.Paragraph(plain("a")), Block.Paragraph(plain("b"))), blocks("a\r\n\r\nb\r\n"))
    }

    @Test
    fun codeThatNothingCloses() {
        assertEquals(listOf(Block.Code("", "")), blocks("```"))
        assertEquals(listOf(Block.Code("c", "a\n``\n~~~")), blocks("```c\na\n``\n~~~"))
        assertEquals(listOf(Block.Code("", "a```")), blocks("~~~\na```\n~~~~"))
        assertEquals(listOf(Block.Paragraph(Inline("a", listOf(Span(Style.CODE, 0, 1))))), blocks("```a```"))
        assertEquals(listOf(Block.Item("•", plain("x"), 0), Block.Code("", "a\n b")), blocks("- x\n  ```\n  a\n   b\n  ```"))
    }

    @Test
    fun marksInsideText() {
        for ((text, expected) in mapOf(
            "a **b *c* d** e" to Inline("a b c d e", listOf(Span(Style.EMPHASIS, 4, 5), Span(Style.STRONG, 2, 7))),
            "***both***" to Inline("both", listOf(Span(Style.EMPHASIS, 0, 4), Span(Style.STRONG, 0, 4))),
            "__b__ _e_" to Inline("b e", listOf(Span(Style.STRONG, 0, 1), Span(Style.EMPHASIS, 2, 3))),
            "**b*" to Inline("*b", listOf(Span(Style.EMPHASIS, 1, 2))),
            "*a**" to Inline("a*", listOf(Span(Style.EMPHASIS, 0, 1))),
            "*a _b* c_" to Inline("a _b c_", listOf(Span(Style.EMPHASIS, 0, 4))),
            "`a*b*` and ``a ` b``" to Inline("a*b* and a ` b", listOf(Span(Style.CODE, 0, 4), Span(Style.CODE, 9, 14))),
            "see [the *site*](https://a.b/c_(d)) now" to
                Inline("see the site now", listOf(Span(Style.EMPHASIS, 8, 12), Span(Style.LINK, 4, 12, "https://a.b/c_(d)"))),
            "at https://a.b/x_y, or (http://c.d)." to
                Inline("at https://a.b/x_y, or (http://c.d).", listOf(Span(Style.LINK, 3, 18, "https://a.b/x_y"), Span(Style.LINK, 24, 34, "http://c.d"))),
            "[https://a.b](https://c.d)" to Inline("https://a.b", listOf(Span(Style.LINK, 0, 11, "https://c.d"))),
            "\\*a\\* \\[b](http://c)" to Inline("*a* [b](http://c)", listOf(Span(Style.LINK, 8, 16, "http://c"))),
        )) assertEquals(expected, inline(text), text)
    }

    @Test
    fun whatIsNoMarkStaysText() {
        for (text in listOf(
            "2 * 3 * 4", "snake_case_name", "**", "* a", "a ** b", "****a****", "**a", "`a", "``a`", "[a]", "[a](b)", "[a](mailto:b c)", "[](http://",
            "](", "http://", "a\\", "[a](javascript:alert(1))", "[a](intent:#Intent;end)", "hello",
        )) assertEquals(plain(text), inline(text), text)
    }

    @Test
    fun whatGoesOnIsShownAsIfItEndedHere() {
        assertEquals(Inline("a bold", listOf(Span(Style.STRONG, 2, 6))), inline("a **bold", open = true))
        assertEquals(Inline("run x", listOf(Span(Style.CODE, 4, 5))), inline("run `x", open = true))
        assertEquals(plain("a **"), inline("a **", open = true))
        val stream = MarkdownStream().apply { append("say **so") }
        assertEquals(listOf<Block>(Block.Paragraph(Inline("say so", listOf(Span(Style.STRONG, 4, 6))))), stream.open)
        stream.end()
        assertEquals(listOf<Block>(Block.Paragraph(plain("say **so"))), stream.closed)
    }

    private val pieces = listOf(
        "word", "wörter ", " ", "  ", "\n", "\n", "\n\n", "\r\n", "\t", "*", "**", "_", "__", "`", "```", "~~~", "\n```\n", "# ", "\n## ", "- ", "\n- ", "\n  - ",
        "\n1. ", "\n   2) ", ">", "\n> ", "---", "[", "](", "](https://a.b/", ")", "https://c.d ", "\\", "\uD83D\uDE42", "<b>", "|",
    )

    private fun randomText(random: Random) = buildString { repeat(random.nextInt(60)) { append(pieces.random(random)) } }

    /** The property: an answer looks the same however the tokens cut it, and so does every part of it on the way. */
    @Test
    fun anyCutGivesTheBlocksOfTheWhole() {
        val random = Random(18)
        repeat(1500) {
            val text = randomText(random)
            val whole = MarkdownStream().apply { append(text) }
            val open = whole.blocks
            whole.end()
            val cut = MarkdownStream()
            var place = 0
            var seen = emptyList<Block>()
            while (place < text.length) {
                val next = minOf(text.length, place + 1 + random.nextInt(6))
                cut.append(text.substring(place, next))
                assertEquals(seen, cut.closed.take(seen.size), "a block that is closed does not change: $text")
                seen = cut.closed.toList()
                place = next
            }
            assertEquals(open, cut.blocks, text)
            cut.end()
            assertEquals(whole.blocks, cut.blocks, text)
        }
    }

    @Test
    fun spansLieWithinTheirTextAndNothingReadableIsLost() {
        val random = Random(19)
        repeat(3000) {
            val text = randomText(random).replace("\r", "")
            for (open in listOf(false, true)) {
                val read = inline(text, open)
                for (span in read.spans) assertTrue(0 <= span.start && span.start < span.end && span.end <= read.text.length, "$span of $read")
                assertEquals(letters(text), letters(read.text + read.spans.joinToString("") { linked(it, read) }), text)
            }
        }
    }

    private fun letters(text: String) = text.filter { it.isLetter() }.toList().sorted()

    /** The address of a link, where the text does not show it. */
    private fun linked(span: Span, read: Inline) = span.target.orEmpty().takeIf { it != read.text.substring(span.start, span.end) }.orEmpty()

    /** Four times the text must not take much more than four times the time: sixteen times would be quadratic. */
    @Test
    fun hostileTextTakesLinearTime() {
        val hostile = listOf("*", "_a", "*a _b", "`", "`a``", "[", "](", "[a](http://", "> ", "- ", "\n- ", "\n  - ", "```\n", "\\", "#", "a\n", " ", "http://", "~", "**a*")
        val clock = ManagementFactory.getThreadMXBean()
        for (unit in hostile) {
            fun seconds(characters: Int): Double {
                val text = unit.repeat(characters / unit.length)
                return (1..3).minOf {
                    val from = clock.currentThreadCpuTime
                    blocks(text)
                    (clock.currentThreadCpuTime - from) / 1e9
                }
            }
            val short = seconds(50_000)
            val long = seconds(200_000)
            assertTrue(long < 9 * short + 0.1, "$unit: $short s, then $long s")
        }
    }

    /** Of 2,000 tokens without a line break, the last costs what the first ones cost: blocks have a greatest length. */
    @Test
    fun noBlockIsLong() {
        val words = "word ".repeat(20_000)
        val made = blocks(words)
        assertTrue(made.size > 10 && made.all { (it as Block.Paragraph).text.text.length <= 2 * MOST_CHARACTERS })
        assertEquals(List(20_000) { "word" }, made.flatMap { it.spoken().trim().split(" ") })
        val code = blocks("```\n" + "line\n".repeat(3000) + "```\nafter")
        assertEquals(List(3000) { "line" }, code.filterIsInstance<Block.Code>().flatMap { it.text.split("\n") })
        assertEquals(listOf(false, true, true, true), code.filterIsInstance<Block.Code>().map { it.continued })
        assertEquals(Block.Paragraph(plain("after")), code.last())
    }
}
