package org.mmoe.app

import java.io.File
import kotlin.io.path.createTempDirectory
import kotlin.test.AfterTest
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertTrue
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.mmoe.FinishReason
import org.mmoe.MmoeException
import org.mmoe.Step

/** The app's behaviour with a scripted engine. */
class AppModelTest {
    private val root: File = createTempDirectory("artifacts").toFile()
    private val engine = FakeEngine()

    @BeforeTest
    fun putAnArtifact() {
        File(root, "S").mkdirs()
        File(root, "S/mmoe.json").writeText("{}")
    }

    @AfterTest
    fun removeArtifacts() {
        root.deleteRecursively()
    }

    /** Runs [test] with a model whose thread is the test's own, and sees to it that nothing is left running. */
    private fun withModel(engine: Engine = this.engine, test: suspend CoroutineScope.(AppModel) -> Unit) = runBlocking {
        val scope = CoroutineScope(coroutineContext + SupervisorJob())
        val model = AppModel(engine, ArtifactStore(root), scope, Device("a phone", "a chip", "Android"), { "0123456789" })
        try {
            test(model)
        } finally {
            scope.cancel()
        }
    }

    /** Generous, for the machine may be busy; a state that never comes fails the test. */
    private suspend fun AppModel.until(condition: (AppState) -> Boolean): AppState =
        withTimeout(60_000) { state.first(condition) }

    private suspend fun AppModel.openS(): AppState {
        open("S", threads = 0)
        return until { it.model is ModelState.Open && it.canStart }
    }

    @Test
    fun openingShowsWhatTheModelIs() = withModel { model ->
        assertEquals(listOf("S"), model.state.value.artifacts)
        assertEquals("No model open", model.state.value.statusText(Resources.words))
        val state = model.openS()
        assertEquals("S: 700 MB, context 8192, loaded in 0.25 s, 4 threads", state.statusText(Resources.words))
        model.open("S", threads = 2)
        model.until { (it.model as? ModelState.Open)?.info?.threads == 2 }
        assertEquals(1, engine.openModels.get(), "the first model must be closed")
    }

    @Test
    fun anErrorOfTheLibraryIsShownAndNothingIsOpen() = withModel { model ->
        engine.failure = MmoeException.Corrupt("model.pte is cut")
        model.open("S", threads = 0)
        val state = model.until { it.notice != null }
        assertEquals("model.pte is cut", state.notice)
        assertEquals(ModelState.None, state.model)
        assertTrue(state.canStart && !state.canRun)
        engine.failure = null
        assertEquals(null, model.openS().notice)
    }

    @Test
    fun anAnswerStreamsIntoTheTranscriptWithItsFigures() = withModel { model ->
        model.openS()
        model.send("Hello")
        assertEquals(Work.Prefill, model.state.value.work)
        engine.steps.send(Step(1, "Good "))
        assertEquals(Work.Decode(1), model.until { it.work is Work.Decode }.work)
        engine.steps.send(Step(2, ""))
        engine.steps.send(Step(3, "day \uD83D\uDE42"))
        engine.steps.send(Step(4, "", FinishReason.STOP_TOKEN))
        val state = model.until { it.canStart }
        assertEquals(listOf(Turn("Hello", "Good day \uD83D\uDE42")), state.transcript)
        assertEquals(3, assertNotNull(state.figures).stats.decodeTokens)
        model.send("Again")
        engine.steps.send(Step(5, "Yes", FinishReason.STOP_TOKEN))
        model.until { it.canStart }
        assertEquals("> Hello\nGood day \uD83D\uDE42\n\n> Again\nYes", model.state.value.transcriptText())
        assertEquals(1, engine.openConversations.get(), "both turns belong to one conversation")
        model.newConversation()
        model.until { it.transcript.isEmpty() && it.figures == null }
        assertEquals(0, engine.openConversations.get())
    }

    @Test
    fun whatAFullContextLeavesOutIsSaid() = withModel { model ->
        model.openS()
        engine.leftOutEachTurn = 2
        for (turn in 1..2) {
            model.send("Hello")
            engine.steps.send(Step(1, "Hi", FinishReason.STOP_TOKEN))
            model.until { it.canStart && it.leftOut == 2 * turn }
        }
        assertTrue("4 oldest messages" in model.state.value.noticeText(Resources.words))
        model.newConversation()
        assertEquals("", model.until { it.transcript.isEmpty() }.noticeText(Resources.words))
    }

    @Test
    fun stopEndsTheAnswerAndKeepsWhatThereIs() = withModel { model ->
        model.openS()
        model.send("Hello")
        engine.steps.send(Step(1, "Good "))
        model.until { it.work == Work.Decode(1) }
        model.stop()
        val state = model.until { it.canRun }
        assertEquals(listOf(Turn("Hello", "Good ")), state.transcript)
        assertEquals(null, state.notice)
        assertEquals(1, engine.openConversations.get(), "the conversation can go on")
    }

    @Test
    fun oneThingAtATime() = withModel { model ->
        model.openS()
        model.send("Hello")
        model.send("Me too")
        model.benchmark()
        model.newConversation()
        model.open("S", threads = 1)
        engine.steps.send(Step(1, "Hi", FinishReason.STOP_TOKEN))
        val state = model.until { it.canStart }
        assertEquals(listOf(Turn("Hello", "Hi")), state.transcript)
        assertEquals(emptyList(), engine.measured)
    }

    @Test
    fun screensMayComeAndGoWhileAnAnswerStreams() = withModel { model ->
        model.openS()
        val seen = mutableListOf<AppState>()
        val screen = launch { model.state.toList(seen) }
        model.send("Hello")
        engine.steps.send(Step(1, "Good "))
        model.until { it.work == Work.Decode(1) }
        screen.cancel()
        engine.steps.send(Step(2, "day", FinishReason.STOP_TOKEN))
        model.until { it.canStart }
        assertTrue(seen.none { it.transcriptText().endsWith("day") })
        assertEquals("> Hello\nGood day", model.state.first().transcriptText(), "a new screen sees all of it")
    }

    @Test
    fun shortMemoryClosesTheModelAndSaysSo() = withModel { model ->
        model.openS()
        model.send("Hello")
        engine.steps.send(Step(1, "Good "))
        model.until { it.work is Work.Decode }
        model.releaseMemory()
        val state = model.until { it.model == ModelState.None && it.canStart }
        assertTrue("memory is short" in assertNotNull(state.notice))
        assertEquals(0, engine.openConversations.get())
        assertEquals(0, engine.openModels.get())
        assertEquals("> Hello\nGood ", state.transcriptText(), "what was read stays readable")
        assertTrue(model.openS().transcript.isEmpty())
    }

    @Test
    fun shortMemoryWhileNothingIsOpenIsNoNews() = withModel { model ->
        model.releaseMemory()
        assertEquals(null, model.state.value.notice)
        model.openS()
        model.releaseMemory()
        model.until { it.model == ModelState.None }
    }

    @Test
    fun anImportGoesOnWhenMemoryIsShort() = withModel { model ->
        model.openS()
        val gate = CompletableDeferred<Unit>()
        val source = object : ArtifactSource {
            override val name = "M"

            override fun files() = listOf(
                SourceFile("mmoe.json", 2) {
                    runBlocking { gate.await() }
                    "{}".byteInputStream()
                },
            )
        }
        model.import(source, threads = 0)
        model.until { it.work is Work.Copying }
        model.releaseMemory()
        assertEquals(0, engine.openModels.get(), "the model that is open meanwhile is given back")
        gate.complete(Unit)
        val state = model.until { it.canStart }
        assertEquals(null, state.notice)
        assertEquals(listOf("M", "S"), state.artifacts)
        assertEquals("M", assertIs<ModelState.Open>(state.model).name)
    }

    /** UI_HIDDEN is 20, BACKGROUND 40, RUNNING_CRITICAL 15, MODERATE 60, COMPLETE 80. */
    @Test
    fun theBackgroundIsNoShortageOfMemory() {
        assertEquals(listOf(15, 60, 80), listOf(5, 10, 15, 20, 40, 60, 80).filter { isMemoryShort(it) { false } })
        assertEquals(listOf(15, 40, 60, 80), listOf(5, 10, 15, 20, 40, 60, 80).filter { isMemoryShort(it) { true } })
    }

    @Test
    fun theBenchmarkRunsTheProtocol() = withModel(FakeEngine(8192).also { fake = it }) { model ->
        model.openS()
        model.benchmark()
        val report = assertNotNull(model.until { it.canStart && it.benchmark != null }.benchmark)
        assertEquals(listOf(256, 1024, 4096, 8064), report.rows.map { it.promptTokens })
        assertEquals(listOf(256, 256, 256, 1024).map { it to 128 }, fake.measured.take(4))
        assertEquals(12, fake.measured.size)
        assertEquals(64.0, report.rows[2].prefillTokensPerSecond * 0.64)
        assertEquals("9.9.9", report.library)
        assertEquals(emptyList(), report.notFitting)
    }

    private lateinit var fake: FakeEngine

    @Test
    fun aStoppedBenchmarkKeepsTheRowsItHas() = withModel(FakeEngine(2048).also { fake = it }) { model ->
        model.openS()
        fake.onMeasure = { if (fake.measured.size == 4) model.stop() }
        model.benchmark()
        val report = assertNotNull(model.until { it.canStart && it.benchmark != null }.benchmark)
        assertEquals(listOf(256), report.rows.map { it.promptTokens })
        assertEquals(listOf(4096, 8192), report.notFitting)
    }

    @Test
    fun deletingTheOpenArtifactClosesIt() = withModel { model ->
        model.openS()
        model.delete("S")
        val state = model.until { it.artifacts.isEmpty() }
        assertEquals(ModelState.None, state.model)
        assertEquals(0, engine.openModels.get())
        assertEquals(false, File(root, "S").exists())
    }
}
