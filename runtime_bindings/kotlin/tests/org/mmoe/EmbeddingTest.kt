package org.mmoe

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

/** What an app is told while a model is opened, and how it ends that. */
class EmbeddingTest {
    @Test
    fun openingTellsItsStages() {
        val told = mutableListOf<LoadProgress>()
        Model.open(Reference.artifact, verifyChecksums = true) { told += it }.close()
        assertEquals(listOf(LoadStage.CHECKSUMS, LoadStage.TOKENIZER, LoadStage.PROGRAM), told.map { it.stage }.distinct())
        for ((_, steps) in told.groupBy { it.stage }) {
            assertEquals(0L to steps.first().total, steps.first().done to steps.last().done)
        }
        assertTrue(told.first().total > Model.open(Reference.artifact).use { it.info.programBytes })
    }

    @Test
    fun anExceptionEndsTheOpening() {
        val told = mutableListOf<LoadStage>()
        val thrown =
            assertFailsWith<IllegalStateException> {
                Model.open(Reference.artifact) { progress ->
                    told += progress.stage
                    error("enough")
                }
            }
        assertEquals("enough", thrown.message)
        assertEquals(listOf(LoadStage.TOKENIZER), told)
    }

    @Test
    fun aWarmUpEndsWithAnException() = Model.open(Reference.artifact).use { model ->
        assertFailsWith<IllegalStateException> { model.warmUp { error("enough") } }
        model.warmUp()
    }

    @Test
    fun aSessionTakesTheMostWithAFullContext() = Model.open(Reference.artifact).use { model ->
        val full = model.sessionMemory()
        assertEquals(full, model.sessionMemory(model.info.maxContextLen))
        assertTrue(full.cacheBytes in 1..full.plannedBytes)
        assertTrue(model.sessionMemory(1).cacheBytes < full.cacheBytes)
        assertEquals(full.plannedBytes, model.sessionMemory(1).plannedBytes)
    }
}
