package org.mmoe

import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking

/** Text crosses the boundary as UTF-8, whole characters only. */
class TextTest {
    @Test
    fun textOfEveryPlaneMakesTheRoundTrip() = Model.open(Reference.artifact).use { model ->
        val random = Random(1)
        val planes = listOf(0x20..0x7e, 0xa1..0x24f, 0x400..0x4ff, 0x4e00..0x9fff, 0x1f300..0x1faff, 0x20000..0x2a6df, 0..0)
        val texts = List(200) {
            val plane = planes.random(random)
            buildString { repeat(random.nextInt(1, 40)) { appendCodePoint(plane.random(random)) } }
        }
        for (text in texts + "\uD83D\uDC68\u200D\uD83D\uDC69\u200D\uD83D\uDC67 na\u0308ive") {
            val ids = model.tokenize(text, addBos = false)
            assertEquals(text, model.detokenize(ids))
            assertContentEquals(intArrayOf(model.info.bosId!!) + ids, model.tokenize(text))
        }
        assertContentEquals(IntArray(0), model.tokenize("", addBos = false))
        assertEquals("", model.detokenize(IntArray(0)))
    }

    @Test
    fun aLoneSurrogateBecomesTheReplacementCharacter() = Model.open(Reference.artifact).use { model ->
        // Kotlin's encoder writes '?' for what has no UTF-8; the library never sees half a character.
        assertEquals("a?b", model.detokenize(model.tokenize("a\uD83Db", addBos = false)))
    }

    @Test
    fun specialTokensAreTextUnlessAskedFor() = Model.open(Reference.artifact).use { model ->
        val eot = "<|eot|>"
        val special = model.tokenize(eot, addBos = false, parseSpecial = true)
        assertEquals(1, special.size)
        assertTrue(model.tokenize(eot, addBos = false).size > 1)
        assertEquals("", model.detokenize(special))
        assertEquals(eot, model.detokenize(special, skipSpecial = false))
    }

    @Test
    fun bytesOfTokensAreThoseOfTheirText() = Model.open(Reference.artifact).use { model ->
        for (text in listOf("In the beginning", "na\u0308ive \uD83D\uDC68\u200D\uD83D\uDC69 \u6771\u4eac", "a\u0000b", "\n\t ")) {
            val pieces = model.tokenize(text, addBos = false).mapIndexed { index, id -> model.tokenBytes(id, first = index == 0) }
            assertEquals(text.encodeToByteArray().toList(), pieces.flatMap { it.toList() })
        }
        for (eot in model.tokenize("<|eot|>", addBos = false, parseSpecial = true)) {
            assertEquals("<|eot|>", model.tokenBytes(eot).decodeToString())
        }
        for (unknown in listOf(-1, model.info.vocabSize, Int.MAX_VALUE)) {
            assertContentEquals(ByteArray(0), model.tokenBytes(unknown))
        }
    }

    /** At this temperature every token is about as likely: single bytes of all kinds come in every order. */
    @Test
    fun streamedTextNeverSplitACharacter() = runBlocking {
        Model.open(Reference.artifact).use { model ->
            var multibyte = 0
            for (seed in 0L until 24L) {
                model.newSession(Sampling(temperature = 1e4f, seed = seed)).use { session ->
                    val steps = session.generate("In the", 400).toList()
                    val ids = steps.filter { it.finishReason == null }.map { it.id }.toIntArray()
                    val streamed = steps.joinToString("") { it.text }
                    val whole = model.detokenize(ids)
                    // What is left of an unfinished character at the end is not streamed.
                    assertTrue(whole.startsWith(streamed), "seed $seed")
                    assertTrue(whole.length - streamed.length <= 3, "seed $seed: ${whole.length - streamed.length} left")
                    assertTrue(steps.none { it.text.firstOrNull()?.isLowSurrogate() == true || it.text.lastOrNull()?.isHighSurrogate() == true })
                    multibyte += streamed.count { it.code > 127 && it != '\uFFFD' }
                }
            }
            assertTrue(multibyte > 0, "the test must see characters of several bytes")
        }
    }
}
