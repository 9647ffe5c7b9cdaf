package org.mmoe.app

import java.io.IOException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.mmoe.MmoeException

/**
 * What the app does, without Android: one model, one conversation, one thing at a time. It outlives the screens, which
 * show [state] and call the functions; all on the thread of [scope].
 */
class AppModel(
    private val engine: Engine,
    private val store: ArtifactStore,
    private val scope: CoroutineScope,
    private val device: Device,
    private val benchmarkText: () -> String,
) {
    private val mutableState = MutableStateFlow(AppState(artifacts = store.names()))
    private var model: LoadedModel? = null
    private var conversation: Conversation? = null
    private var job: Job? = null

    val state: StateFlow<AppState> = mutableState.asStateFlow()

    /** Copies an artifact into the app's storage and opens it. */
    fun import(source: ArtifactSource, threads: Int) = start(Work.Copying(0, 0)) {
        val name = withContext(Dispatchers.IO) {
            store.import(source) { done, total ->
                coroutineContext.ensureActive()
                mutableState.update { it.copy(work = Work.Copying(done, total)) }
            }
        }
        mutableState.update { it.copy(artifacts = store.names()) }
        load(name, threads)
    }

    /** Opens an artifact of the app's storage in place of the one that is open; [threads] 0 is the runtime's choice. */
    fun open(name: String, threads: Int) = start(Work.Opening(name)) { load(name, threads) }

    /** An artifact has come into the store by another way. */
    fun arrived() = mutableState.update { it.copy(artifacts = store.names()) }

    fun delete(name: String) = start(Work.Idle) {
        if ((state.value.model as? ModelState.Open)?.name == name) close()
        withContext(Dispatchers.IO) { store.delete(name) }
        mutableState.update { it.copy(artifacts = store.names()) }
    }

    /** Answers a message, token by token into the transcript. */
    fun send(prompt: String) = start(Work.Prefill) {
        val model = model ?: return@start
        val current = conversation ?: model.newConversation().also { conversation = it }
        mutableState.update { it.copy(transcript = it.transcript + Turn(prompt)) }
        var tokens = 0
        try {
            current.send(prompt).collect { step ->
                if (step.finishReason == null) tokens++
                mutableState.update {
                    val work = if (it.work == Work.Stopping) it.work else Work.Decode(tokens)
                    val transcript = it.transcript.withMore(step.text)
                    it.copy(transcript = transcript, work = work, figures = figures(model, current))
                }
            }
            mutableState.update { it.copy(leftOut = it.leftOut + current.leftOut) }
        } finally {
            // Closed by releaseMemory or closed with its model, it has no figures any more.
            if (conversation === current) mutableState.update { it.copy(figures = figures(model, current)) }
        }
    }

    fun newConversation() = start(Work.Idle) {
        conversation?.close()
        conversation = null
        mutableState.update { it.copy(transcript = emptyList(), leftOut = 0, figures = null) }
    }

    /** Measures every prompt of the protocol that fits; rows appear as they are done. */
    fun benchmark() = start(Work.Benchmark(0, 0)) {
        val model = model ?: return@start
        val ids = model.tokenize(benchmarkText())
        val prompts = plannedPrompts(model.info.maxContextLen)
        val rows = mutableListOf<BenchmarkRow>()
        mutableState.update { it.copy(benchmark = null) }
        for (prompt in prompts) {
            val rounds = (1..PROTOCOL_ROUNDS).map { round ->
                val done = rows.size * PROTOCOL_ROUNDS + round - 1
                mutableState.update { it.copy(work = Work.Benchmark(done, prompts.size * PROTOCOL_ROUNDS)) }
                model.measure(promptOf(ids, prompt), PROTOCOL_DECODE_TOKENS)
            }
            rows += BenchmarkRow(prompt, rounds)
            mutableState.update { it.copy(benchmark = report(model, rows.toList())) }
        }
    }

    /** Ends what runs, within one token. */
    fun stop() {
        val running = job?.takeIf { it.isActive } ?: return
        mutableState.update { it.copy(work = Work.Stopping) }
        running.cancel()
    }

    /**
     * The system is short of memory: the model and its cache are all that is worth giving back. What is copied goes on: it
     * holds nothing of them, and would have to be begun again.
     */
    fun releaseMemory() {
        if (model == null) return
        if (state.value.work is Work.Copying) {
            close()
            return
        }
        val running = job
        job = scope.launch {
            running?.cancelAndJoin()
            close()
            mutableState.update { it.copy(work = Work.Idle, notice = CLOSED_FOR_MEMORY) }
        }
    }

    private suspend fun load(name: String, threads: Int) {
        mutableState.update { it.copy(work = Work.Opening(name)) }
        close()
        // Not to be interrupted: a model that nobody holds could not be closed.
        val opened = withContext(NonCancellable + Dispatchers.IO) { engine.open(store.folder(name), threads) }
        model = opened
        mutableState.update {
            AppState(artifacts = it.artifacts, model = ModelState.Open(name, opened.info), work = it.work)
        }
    }

    private fun close() {
        conversation?.close()
        conversation = null
        model?.close()
        model = null
        mutableState.update { it.copy(model = ModelState.None) }
    }

    /** Runs [block] unless something runs already. Whatever ends it, the next can start and the reason is said. */
    private fun start(work: Work, block: suspend CoroutineScope.() -> Unit) {
        if (job?.isActive == true) return
        mutableState.update { it.copy(work = work, notice = null) }
        job = scope.launch {
            var notice: String? = null
            try {
                block()
            } catch (error: MmoeException) {
                notice = error.message
            } catch (error: ImportException) {
                notice = error.message
            } catch (error: IOException) {
                notice = "Copying failed: ${error.message}"
            } finally {
                mutableState.update { it.copy(work = Work.Idle, notice = notice) }
            }
        }
    }

    private fun figures(model: LoadedModel, conversation: Conversation) =
        Figures(conversation.stats, engine.memory(), model.info.threads)

    private fun report(model: LoadedModel, rows: List<BenchmarkRow>) =
        BenchmarkReport(
            device = device,
            library = engine.version,
            model = (state.value.model as ModelState.Open).name,
            info = model.info,
            decodeTokens = PROTOCOL_DECODE_TOKENS,
            rows = rows,
            notFitting = PROTOCOL_PROMPTS.filter { it > model.info.maxContextLen },
            memory = engine.memory(),
        )

    private companion object {
        const val CLOSED_FOR_MEMORY = "The model was closed because memory is short. Open it again to go on."
    }
}

private fun List<Turn>.withMore(text: String): List<Turn> =
    if (text.isEmpty()) this else dropLast(1) + last().let { it.copy(answer = it.answer + text) }
