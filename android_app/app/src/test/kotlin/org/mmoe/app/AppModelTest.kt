package org.mmoe.app

import java.io.File
import kotlin.io.path.createTempDirectory
import kotlin.test.AfterTest
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNotEquals
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
import kotlinx.coroutines.yield
import org.mmoe.FinishReason
import org.mmoe.MmoeException
import org.mmoe.Step
import org.mmoe.benchmark.ArtifactIdentity
import org.mmoe.benchmark.Conditions
import org.mmoe.benchmark.Loads
import org.mmoe.benchmark.SustainedPoint
import org.mmoe.benchmark.ThermalState

/** The app's behaviour with a scripted engine. */
class AppModelTest {
    private val root: File = createTempDirectory("artifacts").toFile()
    private val kept: File = createTempDirectory("kept").toFile()
    private val phone = FakePhone()
    private val logged = mutableListOf<String>()
    private val engine = FakeEngine()

    @BeforeTest
    fun putAnArtifact() {
        File(root, "S").mkdirs()
        val program = """{"bytes": 700000000, "sha256": "${"0f".repeat(32)}"}"""
        File(root, "S/mmoe.json").writeText("""{"backend": {"name": "xnnpack"}, "files": {"model.pte": $program}}""")
    }

    @AfterTest
    fun removeArtifacts() {
        root.deleteRecursively()
        kept.deleteRecursively()
    }

    /** Runs [test] with a model whose thread is the test's own, and sees to it that nothing is left running. */
    private fun withModel(engine: Engine = this.engine, test: suspend CoroutineScope.(AppModel) -> Unit) = runBlocking {
        val scope = CoroutineScope(coroutineContext + SupervisorJob())
        val model = AppModel(engine, ArtifactStore(root), Kept(kept), scope, phone, { "0123456789" }, { logged += it })
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

    private fun AppState.said() = transcript.map { it.prompt to it.answer }

    /** Says [prompt], and "ok" is answered. */
    private suspend fun AppModel.answered(prompt: String, reason: FinishReason) {
        send(prompt)
        engine.steps.send(Step(1, "ok", reason))
        until { it.canStart }
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
        assertEquals("model.pte is cut", state.noticeText(Resources.words))
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
        assertEquals(listOf("Hello" to "Good day \uD83D\uDE42"), state.said())
        val figures = assertNotNull(state.transcript.single().figures)
        assertEquals(3, figures.stats.decodeTokens)
        assertEquals(ExpertUse(listOf(2, 4), 4, 0, 1, 0.75), figures.experts)
        model.send("Again")
        engine.steps.send(Step(5, "Yes", FinishReason.STOP_TOKEN))
        model.until { it.canStart }
        assertEquals(listOf("Hello" to "Good day \uD83D\uDE42", "Again" to "Yes"), model.state.value.said())
        assertEquals(1, engine.openConversations.get(), "both turns belong to one conversation")
        val before = model.state.value.conversation
        model.newConversation()
        assertNotEquals(before, model.until { it.transcript.isEmpty() }.conversation, "a screen must know to begin afresh")
        assertEquals(0, engine.openConversations.get())
    }

    @Test
    fun whatAFullContextLeavesOutIsSaid() = withModel { model ->
        model.openS()
        assertEquals(-1, model.state.value.lastLeftOut)
        model.answered("One", FinishReason.STOP_TOKEN)
        model.send("Two")
        engine.steps.send(Step(1, "never", FinishReason.CANCELLED))
        model.until { it.canStart }
        model.answered("Three", FinishReason.STOP_TOKEN)
        engine.leftOutEachTurn = 1
        model.answered("Four", FinishReason.STOP_TOKEN)
        assertEquals(0, model.state.value.lastLeftOut)
        model.answered("Five", FinishReason.STOP_TOKEN)
        assertEquals(2, model.state.value.lastLeftOut, "the one that was stopped was never seen")
        model.newConversation()
        assertEquals(-1, model.until { it.transcript.isEmpty() }.lastLeftOut)
    }

    @Test
    fun whyAnAnswerEndsIsSaidInTheChat() = withModel { model ->
        model.openS()
        for ((reason, sentence) in mapOf(
            FinishReason.STOP_TOKEN to "",
            FinishReason.CONTEXT_FULL to "The answer ends here because the context is full.",
            FinishReason.LENGTH to "The answer ends here because it has as many tokens as the settings allow.",
            FinishReason.CANCELLED to "Stopped. The model does not remember this exchange.",
        )) {
            model.answered("Hello", reason)
            assertEquals(sentence, model.state.value.transcript.last().end.text(Resources.words))
        }
        engine.failure = MmoeException.ContextFull("too long")
        model.send("Hello")
        assertEquals("too long", model.until { it.notice != null }.noticeText(Resources.words))
        assertEquals(TurnEnd.STOPPED, model.state.value.transcript.last().end)
        engine.failure = null
        model.answered("Hi", FinishReason.STOP_TOKEN)
        assertEquals(TurnEnd.ENDED, model.state.value.transcript.last().end, "a full context is not the end of the conversation")
    }

    @Test
    fun stopEndsTheAnswerAndKeepsWhatThereIs() = withModel { model ->
        model.openS()
        model.send("Hello")
        engine.steps.send(Step(1, "Good "))
        model.until { it.work == Work.Decode(1) }
        model.stop()
        val state = model.until { it.canRun }
        assertEquals(listOf("Hello" to "Good "), state.said())
        assertEquals(TurnEnd.STOPPED, state.transcript.single().end)
        assertEquals(null, state.notice)
        assertEquals(1, engine.openConversations.get(), "the conversation can go on")
    }

    @Test
    fun oneThingAtATime() = withModel { model ->
        model.openS()
        model.send("Hello")
        model.send("Me too")
        model.benchmark(sustained = false)
        model.newConversation()
        model.open("S", threads = 1)
        engine.steps.send(Step(1, "Hi", FinishReason.STOP_TOKEN))
        val state = model.until { it.canStart }
        assertEquals(listOf("Hello" to "Hi"), state.said())
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
        assertTrue(seen.none { state -> state.transcript.any { it.answer.endsWith("day") } })
        assertEquals(listOf("Hello" to "Good day"), model.state.first().said(), "a new screen sees all of it")
    }

    @Test
    fun shortMemoryTakesTheCacheFirstAndThenTheModel() = withModel { model ->
        model.openS()
        model.answered("Hello", FinishReason.STOP_TOKEN)
        model.releaseMemory()
        val freed = model.until { it.notice != null && it.canStart }
        assertTrue("reads it again" in freed.noticeText(Resources.words))
        assertEquals(listOf(0, 1), listOf(engine.openConversations.get(), engine.openModels.get()))
        model.answered("Again", FinishReason.STOP_TOKEN)
        assertEquals(listOf("Hello", "ok"), engine.made.last().second, "the conversation goes on")
        model.releaseMemory()
        model.until { it.notice != null }
        model.releaseMemory()
        val closed = model.until { it.model == ModelState.None && it.canStart }
        assertTrue("memory is short" in closed.noticeText(Resources.words))
        assertEquals(listOf(0, 0), listOf(engine.openConversations.get(), engine.openModels.get()))
        assertEquals(listOf("the cache", "the cache", "the model"), logged.map { it.substringAfter(": ").removeSuffix(" is freed") })
        assertEquals(2, closed.transcript.size, "what was read stays readable")
        model.openS()
        model.answered("Still there?", FinishReason.STOP_TOKEN)
        assertEquals(listOf("Hello", "ok", "Again", "ok"), engine.made.last().second)
    }

    @Test
    fun shortMemoryEndsAnAnswerThatRuns() = withModel { model ->
        model.openS()
        model.send("Hello")
        engine.steps.send(Step(1, "Good "))
        model.until { it.work is Work.Decode }
        model.releaseMemory()
        val state = model.until { it.notice != null && it.canStart }
        assertIs<ModelState.Open>(state.model)
        assertEquals(listOf("Hello" to "Good "), state.said())
        assertEquals(TurnEnd.STOPPED, state.transcript.single().end)
        assertEquals(0, engine.openConversations.get())
        model.send("Hello")
        model.until { it.work == Work.Prefill }
        model.releaseMemory(all = true)
        model.until { it.model == ModelState.None && it.canStart }
        assertEquals(listOf(0, 0), listOf(engine.openConversations.get(), engine.openModels.get()))
    }

    @Test
    fun theBackgroundClosesNothingAndAnAnswerGoesOnThere() = withModel { model ->
        model.openS()
        model.send("Hello")
        model.background()
        engine.steps.send(Step(1, "ok", FinishReason.STOP_TOKEN))
        model.until { it.canStart }
        assertEquals(listOf(1, 1), listOf(engine.openConversations.get(), engine.openModels.get()))
        assertEquals("Hello|ok", snapshot(), "the process may end from now on")
        model.foreground()
        model.answered("Again", FinishReason.STOP_TOKEN)
        assertEquals("Hello|ok", snapshot(), "on the screen nothing is written")
        assertEquals(1, engine.made.size)
    }

    /** What is in the snapshot, when it is written. */
    private suspend fun snapshot(): String {
        val file = File(kept, "conversation.snapshot")
        withTimeout(60_000) { while (!file.exists()) yield() }
        return file.readText()
    }

    @Test
    fun aConversationOutlivesItsProcess() {
        withModel { model ->
            model.openS()
            model.choose(Settings(system = "Be brief.", temperature = 0.5f))
            model.answered("Hello", FinishReason.STOP_TOKEN)
            model.send("And now?")
            engine.steps.send(Step(1, "half"))
            model.until { it.work is Work.Decode }
            model.stop()
            model.until { it.canStart }
            model.background()
            assertEquals("Hello|ok", snapshot())
        }
        val next = FakeEngine()
        withModel(next) { model ->
            val state = model.state.value
            assertEquals(listOf("Hello" to "ok", "And now?" to "half"), state.said(), "to be read before the model is open")
            assertEquals(listOf(TurnEnd.ENDED, TurnEnd.STOPPED), state.transcript.map { it.end })
            assertEquals(Settings(system = "Be brief.", temperature = 0.5f), state.settings)
            model.restore()
            model.restore()
            model.until { it.model is ModelState.Open && it.canStart }
            assertEquals(1, next.openModels.get())
            model.send("Go on")
            next.steps.send(Step(1, "ok", FinishReason.STOP_TOKEN))
            assertEquals(3, model.until { it.canStart }.transcript.size)
            assertEquals(Triple(state.settings, listOf("Hello", "ok"), "Hello|ok" as String?), next.made.single())
            model.newConversation()
            model.until { it.transcript.isEmpty() }
        }
        withModel(FakeEngine()) { model ->
            assertEquals(emptyList(), model.state.value.transcript, "what was left is forgotten")
            model.restore()
            assertEquals(Work.Idle, model.state.value.work)
            assertEquals(false, File(kept, "conversation.snapshot").exists())
        }
    }

    @Test
    fun anAnswerThatTheEndOfTheProcessCutIsNotLost() {
        withModel { model ->
            model.openS()
            model.send("Hello")
            engine.steps.send(Step(1, "half"))
            model.until { it.work is Work.Decode }
            model.background()
            val written = Kept(kept).conversation()
            assertEquals(listOf(Turn("Hello", "half", TurnEnd.STOPPED)), written?.transcript)
            assertEquals(emptyList(), written?.turns, "the model has not seen the end of it")
        }
    }

    @Test
    fun aConversationWithAnArtifactThatIsGoneIsNotRestored() {
        withModel { model ->
            model.openS()
            model.answered("Hello", FinishReason.STOP_TOKEN)
        }
        File(root, "S").deleteRecursively()
        withModel { model -> assertEquals(emptyList(), model.state.value.transcript) }
    }

    @Test
    fun otherSettingsGoOnWithTheSameConversation() = withModel { model ->
        model.openS()
        model.choose(Settings(maxNewTokens = 7))
        model.answered("Hello", FinishReason.STOP_TOKEN)
        model.choose(Settings(maxNewTokens = 9))
        model.answered("Again", FinishReason.STOP_TOKEN)
        assertEquals(listOf<Int?>(7, 9), engine.limits)
        assertEquals(1, engine.made.size, "a limit needs no new session")
        model.background()
        snapshot()
        model.choose(Settings(temperature = 1f))
        assertEquals(false, File(kept, "conversation.snapshot").exists(), "it has the sampling of its time")
        model.background()
        model.answered("Once more", FinishReason.STOP_TOKEN)
        assertEquals(Triple(Settings(temperature = 1f), listOf("Hello", "ok", "Again", "ok"), null), engine.made.last())
        assertEquals(1, engine.openConversations.get())
    }

    @Test
    fun heatIsShownAndLogged() = withModel { model ->
        model.openS()
        model.foreground()
        assertEquals("", model.state.value.noticeText(Resources.words))
        phone.heat = Thermal.SEVERE
        model.send("Hello")
        repeat(20) { engine.steps.send(Step(it, "a")) }
        model.until { it.work == Work.Decode(20) }
        assertEquals("The phone is hot: answers get slower.", model.state.value.noticeText(Resources.words))
        engine.steps.send(Step(1, "", FinishReason.STOP_TOKEN))
        assertEquals(Thermal.SEVERE, model.until { it.canStart }.transcript.last().figures?.thermal)
        phone.heat = Thermal.LIGHT
        model.foreground()
        assertEquals("", model.state.value.noticeText(Resources.words))
        assertEquals(listOf("thermal state: NONE -> SEVERE", "thermal state: SEVERE -> LIGHT"), logged)
        assertEquals(listOf(Thermal.NONE, Thermal.NONE, Thermal.SEVERE, Thermal.SHUTDOWN), listOf(-1, 0, 3, 9).map(Thermal::of))
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
        fun asked(short: Boolean) = listOf(5, 10, 15, 20, 40, 60, 80).associateWith { pressureOf(it) { short } }.filterValues { it != Pressure.NONE }
        assertEquals(mapOf(15 to Pressure.CACHE, 60 to Pressure.CACHE, 80 to Pressure.ALL), asked(short = false))
        assertEquals(mapOf(15 to Pressure.CACHE, 40 to Pressure.CACHE, 60 to Pressure.CACHE, 80 to Pressure.ALL), asked(short = true))
    }

    @Test
    fun theBenchmarkRunsTheProtocol() = withModel(FakeEngine(8192).also { fake = it }) { model ->
        model.openS()
        phone.heat = Thermal.LIGHT
        fake.onMeasure = { phone.heat = Thermal.CRITICAL }
        model.benchmark(sustained = false)
        val report = assertNotNull(model.until { it.canStart && it.benchmark != null }.benchmark)
        assertEquals(listOf(256, 1024, 4096, 8064, 256, 1024), report.rows.map { it.prompt.tokens })
        assertEquals(listOf(256, 256, 256, 1024).map { it to 128 }, fake.measured.take(4))
        assertEquals(18, fake.measured.size)
        assertEquals(listOf("drop S", "load S", "load S"), fake.loads)
        assertEquals(Loads(50.0, 100.0 / 3), report.loads)
        assertEquals(listOf(ThermalState.FAIR, ThermalState.CRITICAL), listOf(report.before.thermal, report.after.thermal))
        assertEquals(Conditions(ThermalState.CRITICAL, 0.8, false), report.after)
        assertEquals("9.9.9", report.version)
        assertEquals(ArtifactIdentity("S", "xnnpack", "0f".repeat(32), 700_000_000), report.artifact)
        assertEquals(emptyList(), report.notFitting + report.sustained)
        assertIs<ModelState.Open>(model.state.value.model)
    }

    @Test
    fun withoutRestTheCurveIsDrawn() = withModel(FakeEngine(512).also { fake = it }) { model ->
        model.openS()
        fake.dropsPages = false
        model.benchmark(sustained = true)
        val state = model.until { it.canStart && it.benchmark != null }
        val report = assertNotNull(state.benchmark)
        assertEquals(120, report.sustained.size)
        assertEquals(SustainedPoint(600.0, 40.0, ThermalState.NOMINAL), report.sustained.last())
        assertEquals(null, report.loads.coldMillis, "what cannot be measured is not made up")
        assertEquals("Without rest: 99.5 tokens/s at first, 40.0 tokens/s after 600 s", report.curveText(Resources.words))
        assertEquals("Without rest: 7 of 600 s", state.copy(work = Work.Sustained(7)).statusText(Resources.words))
    }

    @Test
    fun aConversationGoesOnAfterABenchmark() = withModel { model ->
        model.openS()
        model.answered("Hello", FinishReason.STOP_TOKEN)
        model.benchmark(sustained = false)
        model.until { it.canStart && it.benchmark != null }
        model.answered("Again", FinishReason.STOP_TOKEN)
        assertEquals(listOf("Hello", "ok"), engine.made.last().second)
        assertEquals(2, model.state.value.transcript.size)
    }

    private lateinit var fake: FakeEngine

    @Test
    fun aStoppedBenchmarkKeepsTheRowsItHas() = withModel(FakeEngine(2048).also { fake = it }) { model ->
        model.openS()
        fake.onMeasure = { if (fake.measured.size == 4) model.stop() }
        model.benchmark(sustained = false)
        val report = assertNotNull(model.until { it.canStart && it.benchmark != null }.benchmark)
        assertEquals(listOf(256), report.rows.map { it.prompt.tokens })
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
