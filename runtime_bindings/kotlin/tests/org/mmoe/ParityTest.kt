package org.mmoe

import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking

/** The text is that of Python and of a plain C++ program, token for token. */
class ParityTest {
    private fun generate(case: Reference.Case, sampling: Sampling): List<Step> = runBlocking {
        Model.open(Reference.artifact).use { model ->
            model.newSession(sampling).use { it.generate(case.prompt, Reference.NEW_TOKENS).toList() }
        }
    }

    @Test
    fun thereAreThreePrompts() = assertEquals(3, Reference.cases.size)

    @Test
    fun promptsHaveTheIdsOfHuggingFace() = Model.open(Reference.artifact).use { model ->
        for (case in Reference.cases) {
            assertContentEquals(case.promptIds, model.tokenize(case.prompt, addBos = false), case.name)
            assertEquals(case.prompt, model.detokenize(case.promptIds), case.name)
        }
    }

    @Test
    fun greedyTokensAreThoseOfThePlainProgram() {
        for (case in Reference.cases) {
            val steps = generate(case, Sampling.GREEDY)
            assertContentEquals(case.greedyIds, steps.filter { it.finishReason == null }.map { it.id }.toIntArray(), case.name)
            assertEquals(case.greedyText, steps.joinToString("") { it.text }, case.name)
        }
    }

    @Test
    fun sampledTextIsThatOfPython() {
        for (case in Reference.cases) {
            assertEquals(case.sampledText, generate(case, Reference.SAMPLING).joinToString("") { it.text }, case.name)
        }
    }

    @Test
    fun theSeedDecides() {
        val case = Reference.cases.first()
        val hot = Reference.SAMPLING.copy(temperature = 2f, topK = 0, topP = 1f)
        val texts = listOf(1L, 1L, 2L, -1L).map { seed -> generate(case, hot.copy(seed = seed)).joinToString("") { it.text } }
        assertEquals(texts[0], texts[1])
        assertEquals(3, texts.toSet().size)
    }

    @Test
    fun decodingUnderTheCallersControlGivesTheSame() = runBlocking {
        val case = Reference.cases.first()
        Model.open(Reference.artifact).use { model ->
            model.newSession().use { session ->
                session.prefill(model.tokenize(case.prompt))
                for (id in case.greedyIds.take(16)) {
                    val logits = session.logits()
                    assertEquals(id, logits.indices.maxBy { logits[it] })
                    session.decode(id)
                }
                assertEquals(model.tokenize(case.prompt).size + 16L, session.position)
            }
        }
    }

    @Test
    fun figuresAreOfThisRun() = runBlocking {
        Model.open(Reference.artifact, threads = 2).use { model ->
            assertEquals(2, model.info.threads)
            assertTrue(model.info.programBytes == java.io.File(Reference.artifact, "model.pte").length())
            model.newSession().use { session ->
                val ids = model.tokenize(Reference.cases.first().prompt)
                val count = session.generate(ids, 8).toList().count { it.finishReason == null }
                val stats = session.stats
                assertEquals(ids.size.toLong(), stats.prefillTokens)
                assertEquals(count - 1L, stats.decodeTokens)
                assertTrue(stats.ttftSeconds >= stats.prefillSeconds && stats.prefillSeconds > 0, "$stats")
                assertTrue(stats.programSeconds > 0 && stats.programSeconds <= stats.decodeSeconds, "$stats")
                assertTrue(stats.loadSeconds >= model.info.loadSeconds && model.info.loadSeconds > 0, "$stats")
            }
            val memory = Memory.now()
            assertTrue(memory.peakBytes >= maxOf(memory.anonymousBytes, memory.fileBytes), "$memory")
            assertTrue(memory.anonymousBytes in 1..memory.peakAnonymousBytes, "$memory")
        }
    }
}
