package org.mmoe.app

import java.io.Closeable
import java.io.File
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.onEach
import org.mmoe.Chat
import org.mmoe.FinishReason
import org.mmoe.Memory
import org.mmoe.Message
import org.mmoe.MmoeException
import org.mmoe.Model
import org.mmoe.ModelInfo
import org.mmoe.Role
import org.mmoe.Session
import org.mmoe.Stats
import org.mmoe.Step
import org.mmoe.WhenFull
import org.mmoe.benchmark.measure
import org.mmoe.benchmark.sustain

/** What the app needs of org.mmoe; its tests put a scripted one in the place of [MmoeEngine]. */
interface Engine {
    val version: String

    /** Blocks while it loads. */
    fun open(folder: File, threads: Int): LoadedModel

    fun memory(): Memory

    /** Asks the system to forget the program's file; false if it does not. */
    fun dropFromPageCache(folder: File): Boolean

    /** What it takes to open an artifact and a session, milliseconds; they are closed again. */
    suspend fun loadMillis(folder: File, threads: Int): Double
}

interface LoadedModel : Closeable {
    val info: ModelInfo

    /**
     * @param turns what was said before; all of it is read again, unless [snapshot] has it.
     * @param snapshot what [Conversation.save] wrote; one that does not fit is as good as none.
     */
    suspend fun newConversation(settings: Settings, turns: List<Message>, snapshot: File?): Conversation

    fun tokenize(text: String): IntArray

    /** Prefills [prompt] into an empty context and runs [decodeTokens] tokens one by one behind it. */
    suspend fun measure(prompt: IntArray, decodeTokens: Int): Stats

    /** Decodes for [seconds] behind [prompt]; [onPoint] is told the speed since the last time, on any thread. */
    suspend fun sustain(prompt: IntArray, seconds: Double, stepSeconds: Double, onPoint: (seconds: Double, rate: Double) -> Unit)
}

interface Conversation : Closeable {
    /** The turn is part of [turns] when its answer has ended by itself. */
    fun send(text: String, maxNewTokens: Int?): Flow<Step>

    val stats: Stats

    /** What the model sees of the conversation, without the system message. */
    val turns: List<Message>

    /** Turns that the last one left out, the oldest, because the context does not hold them any more. */
    val leftOut: Int

    /** How often each expert of each layer was chosen in the last turn; empty if the program does not tell. */
    val expertCounts: List<LongArray>

    suspend fun save(snapshot: File)
}

object MmoeEngine : Engine {
    override val version: String get() = Model.libraryVersion

    override fun open(folder: File, threads: Int): LoadedModel = MmoeModel(Model.open(folder, threads))

    override fun memory(): Memory = Memory.now()

    override fun dropFromPageCache(folder: File): Boolean = org.mmoe.benchmark.dropFromPageCache(File(folder, "model.pte"))

    override suspend fun loadMillis(folder: File, threads: Int): Double = org.mmoe.benchmark.loadMillis(folder, threads)
}

private class MmoeModel(private val model: Model) : LoadedModel {
    override val info: ModelInfo get() = model.info

    override suspend fun newConversation(settings: Settings, turns: List<Message>, snapshot: File?): Conversation {
        val sampling = settings.sampling(model.sampling)
        if (!model.info.hasChat) return PlainConversation(model.newSession(sampling)).also { restored(it, turns, snapshot) }
        val system = settings.system.ifBlank { null }
        val chat = Chat(model, system, sampling, whenFull = WhenFull.DROP_OLDEST)
        return TemplateConversation(chat).also { restored(it, turns, snapshot) }
    }

    private suspend fun restored(conversation: Restorable, turns: List<Message>, snapshot: File?) {
        if (turns.isEmpty()) return
        try {
            conversation.restore(turns, snapshot?.takeIf { it.isFile })
        } catch (error: MmoeException) {
            if (snapshot == null || error is MmoeException.InvalidArgument) {
                conversation.close()
                throw error
            }
            conversation.restore(turns, null)
        }
    }

    override fun tokenize(text: String): IntArray = model.tokenize(text)

    override suspend fun measure(prompt: IntArray, decodeTokens: Int): Stats = model.measure(prompt, decodeTokens)

    override suspend fun sustain(prompt: IntArray, seconds: Double, stepSeconds: Double, onPoint: (Double, Double) -> Unit) =
        model.sustain(prompt, seconds, stepSeconds, onPoint)

    override fun close() = model.close()
}

private interface Restorable : Conversation {
    suspend fun restore(turns: List<Message>, snapshot: File?)
}

private class TemplateConversation(private val chat: Chat) : Restorable {
    override fun send(text: String, maxNewTokens: Int?): Flow<Step> = flow {
        chat.countExperts()
        emitAll(chat.send(text, maxNewTokens))
    }

    override val stats: Stats get() = chat.stats

    override val turns: List<Message> get() = chat.turns.filter { it.role != Role.SYSTEM }

    override val leftOut: Int get() = chat.leftOut.count { it.role == Role.USER }

    override val expertCounts: List<LongArray> get() = chat.expertCounts()

    override suspend fun save(snapshot: File) = chat.save(snapshot)

    override suspend fun restore(turns: List<Message>, snapshot: File?) {
        val all = chat.turns.filter { it.role == Role.SYSTEM } + turns
        if (snapshot == null) chat.restore(all) else chat.restore(all, snapshot)
    }

    override fun close() = chat.close()
}

/** Without a chat template: a text that each message is appended to, and that begins anew when it is full. */
private class PlainConversation(private val session: Session) : Restorable {
    override var turns: List<Message> = emptyList()
        private set

    override var leftOut = 0
        private set

    override fun send(text: String, maxNewTokens: Int?): Flow<Step> = flow {
        session.countExperts()
        leftOut = 0
        try {
            session.prefill(session.model.tokenize(text, addBos = session.position == 0L))
        } catch (_: MmoeException.ContextFull) {
            session.reset()
            leftOut = turns.size / 2
            turns = emptyList()
            session.prefill(session.model.tokenize(text))
        }
        val answer = StringBuilder()
        val steps = session.generate(maxNewTokens = maxNewTokens).onEach { step ->
            answer.append(step.text)
            if (step.finishReason != null && step.finishReason != FinishReason.CANCELLED) {
                turns = turns + Message(Role.USER, text) + Message(Role.ASSISTANT, answer.toString())
            }
        }
        emitAll(steps)
    }

    override val stats: Stats get() = session.stats

    override val expertCounts: List<LongArray> get() = session.expertCounts()

    override suspend fun save(snapshot: File) = session.save(snapshot)

    override suspend fun restore(turns: List<Message>, snapshot: File?) {
        if (snapshot == null) session.prompt(session.model.tokenize(turns.joinToString("") { it.content }))
        else session.restore(snapshot)
        this.turns = turns
    }

    override fun close() = session.close()
}
