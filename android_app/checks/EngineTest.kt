package org.mmoe.app

import java.io.File
import kotlin.io.path.createTempDirectory
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertTrue
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking

/** The app without its screens, on the real library and a real artifact. */
class EngineTest {
    private val artifact = File(System.getProperty("mmoe.artifact"))
    private val report = File(System.getProperty("mmoe.report"))
    private val text = File(System.getProperty("mmoe.text")).readText()

    private fun source(folder: File) = object : ArtifactSource {
        override val name = folder.name

        override fun files() = folder.listFiles()!!.map { SourceFile(it.name, it.length()) { it.inputStream() } }
    }

    private suspend fun AppModel.idle(): AppState = state.first { it.canStart }

    private fun withModel(test: suspend (AppModel) -> Unit) = runBlocking {
        val root = createTempDirectory("artifacts").toFile()
        val scope = CoroutineScope(coroutineContext + SupervisorJob())
        val model = AppModel(MmoeEngine, ArtifactStore(root), scope, Device("this machine", "its CPU", "Linux"), { text })
        try {
            model.import(source(artifact), threads = 2)
            val state = model.idle()
            assertEquals(2, assertIs<ModelState.Open>(state.model, state.notice).info.threads)
            test(model)
        } finally {
            model.releaseMemory()
            model.idle()
            scope.cancel()
            root.deleteRecursively()
        }
    }

    @Test
    fun aConversationHasAnswersAndFigures() = withModel { model ->
        for (question in listOf("Who was the king?", "And his son?")) {
            model.send(question)
            val state = model.idle()
            assertEquals(null, state.notice)
            assertTrue(state.transcript.last().answer.isNotBlank(), "$state")
            val figures = assertNotNull(state.figures)
            assertTrue(figures.stats.ttftSeconds > 0 && figures.stats.decodeSeconds > 0, "$figures")
            assertTrue(figures.memory.peakAnonymousBytes > 0 && figures.memory.peakFileBytes > 0, "$figures")
            // The small model may talk until its context is full.
            model.newConversation()
            model.state.first { it.transcript.isEmpty() }
        }
    }

    @Test
    fun aFullContextDoesNotEndTheConversation() = withModel { model ->
        val long = "Tell me of the sea, of the sky and of the king of Judah. ".repeat(6)
        for (message in List(5) { long } + "Hi") {
            model.send(message)
            assertEquals(null, model.idle().notice)
        }
        assertTrue(model.state.value.leftOut > 0, "${model.state.value}")
        assertEquals(6, model.state.value.transcript.size)
    }

    @Test
    fun stoppedAnswersCanBeFollowedByOthers() = withModel { model ->
        for (turn in 1..3) {
            model.send("Tell me of the sea.")
            model.state.first { it.work is Work.Decode || it.canStart }
            model.stop()
            val state = model.idle()
            assertEquals(null, state.notice)
            assertEquals(turn, state.transcript.size)
        }
    }

    @Test
    fun theBenchmarkWritesItsReport() = withModel { model ->
        model.benchmark()
        val state = model.idle()
        assertEquals(null, state.notice)
        val result = assertNotNull(state.benchmark)
        assertEquals(listOf(256), result.rows.map { it.promptTokens })
        assertEquals(listOf(256L, 256L, 256L), result.rows.single().rounds.map { it.prefillTokens })
        assertTrue(result.rows.single().prefillTokensPerSecond > 0)
        report.writeText(result.toJson())
    }

    @Test
    fun aDamagedArtifactIsANoticeNotACrash() = withModel { model ->
        val broken = createTempDirectory("broken").toFile()
        try {
            artifact.copyRecursively(broken, overwrite = true)
            File(broken, "model.pte").writeBytes(ByteArray(100))
            model.import(source(broken), threads = 0)
            val state = model.idle()
            assertTrue("model.pte" in assertNotNull(state.notice), state.notice)
            assertEquals(ModelState.None, state.model)
        } finally {
            broken.deleteRecursively()
        }
    }
}
