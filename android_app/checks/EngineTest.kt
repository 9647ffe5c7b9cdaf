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
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.mmoe.benchmark.Device

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
        val model = appModel(root, scope)
        try {
            model.import(source(artifact), threads = 2)
            val state = model.idle()
            assertEquals(2, assertIs<ModelState.Open>(state.model, "${state.notice}").info.threads)
            test(model)
        } finally {
            model.releaseMemory(all = true)
            model.idle()
            scope.cancel()
            root.deleteRecursively()
        }
    }

    private fun appModel(root: File, scope: CoroutineScope) =
        AppModel(MmoeEngine, ArtifactStore(root), Kept(File(root, ".kept")), scope, thisMachine, { text })

    private val thisMachine = object : Phone {
        override val device = Device("this machine", "its CPU", "Linux", cores = Runtime.getRuntime().availableProcessors(), memoryBytes = null)

        override fun thermal() = Thermal.NONE

        override fun battery(): Battery? = null
    }

    private suspend fun AppModel.answered(question: String): Turn {
        send(question)
        val state = idle()
        assertEquals(null, state.notice)
        return state.transcript.last()
    }

    /** The same process once with an end in between, once without: the same answer, for which only the new turn is run. */
    @Test
    fun aConversationGoesOnInTheNextProcess() = runBlocking {
        val root = createTempDirectory("artifacts").toFile()
        try {
            val scope = CoroutineScope(coroutineContext + SupervisorJob())
            val first = appModel(root, scope)
            first.choose(Settings(maxNewTokens = 8))
            first.import(source(artifact), threads = 2)
            first.idle()
            first.answered("Who was the king?")
            first.background()
            val snapshot = File(root, ".kept/conversation.snapshot")
            withTimeout(60_000) { while (!snapshot.isFile) delay(10) }
            first.foreground()
            val expected = first.answered("And his son?")
            first.releaseMemory(all = true)
            first.state.first { it.model == ModelState.None }
            scope.cancel()

            val kept = Kept(File(root, ".kept"))
            val left = kept.conversation()!!
            kept.keep(left.copy(transcript = left.transcript.take(1), turns = left.turns.take(2)))
            val next = CoroutineScope(coroutineContext + SupervisorJob())
            val second = appModel(root, next)
            second.restore()
            assertIs<ModelState.Open>(second.idle().model)
            val actual = second.answered("And his son?")
            assertEquals(expected.answer, actual.answer)
            assertEquals(expected.figures!!.stats.prefillTokens, actual.figures!!.stats.prefillTokens)

            // Without a snapshot, or with a damaged one, the answer is the same and all turns are read.
            second.releaseMemory(all = true)
            second.state.first { it.model == ModelState.None }
            next.cancel()
            kept.keep(left.copy(transcript = left.transcript.take(1), turns = left.turns.take(2)))
            kept.snapshot.writeText("no snapshot")
            val last = CoroutineScope(coroutineContext + SupervisorJob())
            val third = appModel(root, last)
            third.restore()
            third.idle()
            val afresh = third.answered("And his son?")
            assertEquals(expected.answer, afresh.answer)
            assertTrue(afresh.figures!!.stats.prefillTokens > expected.figures!!.stats.prefillTokens)
            third.releaseMemory(all = true)
            third.state.first { it.model == ModelState.None }
            last.cancel()
        } finally {
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
            val figures = assertNotNull(state.transcript.last().figures)
            val experts = assertNotNull(figures.experts)
            assertTrue(experts.used.all { it in 4..experts.experts } && experts.busiestShare > 1.0 / experts.experts, "$experts")
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
        model.benchmark(sustained = false)
        val state = model.idle()
        assertEquals(null, state.notice)
        val result = assertNotNull(state.benchmark)
        assertEquals(listOf(256, 256), result.rows.map { it.prompt.tokens })
        assertEquals(List(6) { 256L to 128L }, result.rows.flatMap { row -> row.rounds.map { it.prefillTokens to it.decodeTokens } })
        assertTrue(result.rows.all { it.prefillTokensPerSecond > 0 } && result.loads.warmMillis!! > 0, "$result")
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
            val notice = assertIs<Notice.Said>(state.notice)
            assertTrue("model.pte" in notice.text, notice.text)
            assertEquals(ModelState.None, state.model)
        } finally {
            broken.deleteRecursively()
        }
    }
}
