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
import org.mmoe.FinishReason
import org.mmoe.Message
import org.mmoe.MmoeException

/**
 * What the app does, without Android: one model, one conversation, one thing at a time. It outlives the screens, which
 * show [state] and call the functions; all on the thread of [scope].
 *
 * @param log is told what a user who reports a problem should be able to look up.
 */
class AppModel(
    private val engine: Engine,
    private val store: ArtifactStore,
    private val kept: Kept,
    private val scope: CoroutineScope,
    private val phone: Phone,
    private val benchmarkText: () -> String,
    private val log: (String) -> Unit = {},
) {
    private var model: LoadedModel? = null
    private var conversation: Conversation? = null

    /** What [conversation] was made with. */
    private var madeWith = Settings()

    /** The artifact that the transcript is of, and what a new session is to read of it. */
    private var talkingTo: String? = null
    private var threads = 0
    private var turns: List<Message> = emptyList()
    private var inBackground = false
    private var job: Job? = null
    private var saving: Job? = null
    private val mutableState = MutableStateFlow(begin())

    val state: StateFlow<AppState> = mutableState.asStateFlow()

    /** The conversation of an earlier process is there to be read before its model is open, see [restore]. */
    private fun begin(): AppState {
        val state = AppState(artifacts = store.names(), settings = kept.settings())
        val last = kept.conversation()?.takeIf { it.artifact in state.artifacts } ?: return state
        talkingTo = last.artifact
        threads = last.threads
        turns = last.turns
        return state.copy(transcript = last.transcript, leftOut = last.leftOut)
    }

    /** Opens the model of the conversation that an earlier process left, if there is one and no other is open. */
    fun restore() {
        val name = talkingTo ?: return
        if (model == null && job == null) open(name, threads)
    }

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

    /**
     * Opens an artifact of the app's storage in place of the one that is open; [threads] 0 is the runtime's choice. The
     * conversation goes on if it was with this one.
     */
    fun open(name: String, threads: Int) = start(Work.Opening(name)) { load(name, threads) }

    /** An artifact has come into the store by another way. */
    fun arrived() = mutableState.update { it.copy(artifacts = store.names()) }

    fun delete(name: String) = start(Work.Idle) {
        if ((state.value.model as? ModelState.Open)?.name == name) close()
        if (talkingTo == name) forget()
        withContext(Dispatchers.IO) { store.delete(name) }
        mutableState.update { it.copy(artifacts = store.names()) }
    }

    /** Answers a message, token by token into the transcript. */
    fun send(prompt: String) = start(Work.Prefill) {
        val model = model ?: return@start
        mutableState.update { it.copy(transcript = it.transcript + Turn(prompt)) }
        var end = TurnEnd.STOPPED
        try {
            val current = conversation(model)
            var tokens = 0
            current.send(prompt, state.value.settings.maxNewTokens).collect { step ->
                val reason = step.finishReason
                if (reason == null) tokens++ else end = endOf(reason)
                if (tokens % HEAT_TOKENS == 0) feelHeat()
                mutableState.update {
                    val work = if (it.work == Work.Stopping) it.work else Work.Decode(tokens)
                    it.copy(transcript = it.transcript.withLast { turn -> turn.copy(answer = turn.answer + step.text) }, work = work)
                }
            }
            turns = current.turns
            mutableState.update { it.copy(leftOut = it.leftOut + current.leftOut) }
        } finally {
            feelHeat()
            // Closed by releaseMemory or closed with its model, it has no figures any more.
            val figures = conversation?.let { figures(model, it) }
            mutableState.update { it.copy(transcript = it.transcript.withLast { turn -> turn.copy(end = end, figures = figures) }) }
            keepTranscript()
        }
    }

    fun newConversation() = start(Work.Idle) {
        conversation?.close()
        conversation = null
        forget()
    }

    /** What the user chose; from the next message on. */
    fun choose(settings: Settings) {
        // It has the sampling and the system message of its time.
        if (!settings.sameConversation(state.value.settings)) kept.forgetSnapshot()
        mutableState.update { it.copy(settings = settings) }
        kept.keep(settings)
    }

    /** Measures loads and every prompt of the protocol that fits; rows appear as they are done. The model is opened anew. */
    fun benchmark(sustained: Boolean) = start(Work.Benchmark(0, 0)) {
        val name = (state.value.model as? ModelState.Open)?.name ?: return@start
        mutableState.update { it.copy(benchmark = null) }
        val run = BenchmarkRun(
            engine, phone, store.folder(name), threads, benchmarkText,
            onWork = { work -> mutableState.update { if (it.work == Work.Stopping) it else it.copy(work = work) } },
            onReport = { report -> mutableState.update { it.copy(benchmark = report) } },
        )
        // Whoever stops it here finds the model open again.
        val (model, loads) = withContext(NonCancellable) {
            close()
            val loads = run.loads()
            load(name, threads) to loads
        }
        run.run(model, loads, sustained)
    }

    /** Ends what runs, within one token. */
    fun stop() {
        val running = job?.takeIf { it.isActive } ?: return
        mutableState.update { it.copy(work = Work.Stopping) }
        running.cancel()
    }

    /**
     * The system is short of memory. First the session's cache is given back, which the next message reads again; then, if it
     * is short once more or [all] is to go, the model. What is copied goes on: it holds nothing of them, and would have to be
     * begun again.
     */
    fun releaseMemory(all: Boolean = false) {
        if (model == null) return
        if (state.value.work is Work.Copying) {
            close()
            return
        }
        val onlyCache = conversation != null && !all
        log("memory is short: ${if (onlyCache) "the cache" else "the model"} is freed")
        val running = job
        job = scope.launch {
            running?.cancelAndJoin()
            saving?.cancelAndJoin()
            if (onlyCache) closeConversation() else close()
            val notice = if (onlyCache) R.string.freed_cache else R.string.closed_for_memory
            mutableState.update { it.copy(work = Work.Idle, notice = Notice.Known(notice)) }
        }
    }

    /** Nothing of the app can be seen: the process may end at any moment from now on, but nothing is closed. */
    fun background() {
        inBackground = true
        // An answer that runs may never end.
        keepTranscript()
        if (state.value.canStart) snapshot()
    }

    fun foreground() {
        inBackground = false
        feelHeat()
    }

    private fun feelHeat() {
        val thermal = phone.thermal() ?: return
        if (thermal == state.value.thermal) return
        log("thermal state: ${state.value.thermal} -> $thermal")
        mutableState.update { it.copy(thermal = thermal) }
    }

    private suspend fun load(name: String, threads: Int): LoadedModel {
        mutableState.update { it.copy(work = Work.Opening(name)) }
        close()
        // Not to be interrupted: a model that nobody holds could not be closed.
        val opened = withContext(NonCancellable + Dispatchers.IO) { engine.open(store.folder(name), threads) }
        model = opened
        this.threads = threads
        if (talkingTo != name) forget()
        talkingTo = name
        mutableState.update { it.copy(model = ModelState.Open(name, opened.info), benchmark = null) }
        return opened
    }

    /** The session that goes on with [turns], with what the user has chosen by now. */
    private suspend fun conversation(model: LoadedModel): Conversation {
        val settings = state.value.settings
        conversation?.let { if (madeWith.sameConversation(settings)) return it }
        closeConversation()
        val made = model.newConversation(settings, turns, kept.snapshot)
        madeWith = settings
        return made.also { conversation = it }
    }

    private fun closeConversation() {
        conversation?.let { turns = it.turns }
        conversation?.close()
        conversation = null
    }

    private fun close() {
        closeConversation()
        model?.close()
        model = null
        mutableState.update { it.copy(model = ModelState.None) }
    }

    /** The transcript and all that is left of it. */
    private fun forget() {
        turns = emptyList()
        kept.forgetConversation()
        mutableState.update { it.copy(conversation = it.conversation + 1, transcript = emptyList(), leftOut = 0) }
    }

    private fun keepTranscript() {
        val artifact = talkingTo ?: return
        with(state.value) { kept.keep(Kept.Conversation(artifact, threads, transcript, leftOut, turns)) }
    }

    /** Saves the session, so that a process that ends can go on without reading the conversation again. */
    private fun snapshot() {
        val current = conversation?.takeIf { turns.isNotEmpty() } ?: return
        if (saving?.isActive == true || !madeWith.sameConversation(state.value.settings)) return
        saving = scope.launch {
            try {
                current.save(kept.snapshot)
            } catch (error: MmoeException) {
                log("the conversation has no snapshot: ${error.message}")
            }
        }
    }

    /** Runs [block] unless something runs already. Whatever ends it, the next can start and the reason is said. */
    private fun start(work: Work, block: suspend CoroutineScope.() -> Unit) {
        if (job?.isActive == true) return
        mutableState.update { it.copy(work = work, notice = null) }
        job = scope.launch {
            var notice: Notice? = null
            try {
                saving?.join()
                block()
            } catch (error: MmoeException) {
                notice = Notice.Said(error.message.orEmpty())
            } catch (error: ImportException) {
                notice = Notice.Said(error.message.orEmpty())
            } catch (error: IOException) {
                notice = Notice.Said(error.message.orEmpty())
            } finally {
                mutableState.update { it.copy(work = Work.Idle, notice = notice) }
                if (inBackground) snapshot()
            }
        }
    }

    private fun figures(model: LoadedModel, conversation: Conversation): Figures? =
        try {
            val experts = ExpertUse.of(conversation.expertCounts)
            Figures(conversation.stats, engine.memory(), model.info.threads, state.value.thermal, experts)
        } catch (error: MmoeException) {
            null.also { log("no figures: ${error.message}") }
        }

    private fun endOf(reason: FinishReason): TurnEnd =
        when (reason) {
            FinishReason.STOP_TOKEN, FinishReason.STOP_STRING -> TurnEnd.ENDED
            FinishReason.LENGTH -> TurnEnd.LENGTH
            FinishReason.CONTEXT_FULL -> TurnEnd.CONTEXT_FULL
            FinishReason.CANCELLED -> TurnEnd.STOPPED
        }

    private companion object {
        /** After how many tokens of an answer it is looked how hot the phone is. */
        const val HEAT_TOKENS = 16
    }
}

private fun List<Turn>.withLast(change: (Turn) -> Turn): List<Turn> = dropLast(1) + change(last())
