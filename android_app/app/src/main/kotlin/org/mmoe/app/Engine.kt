package org.mmoe.app

import java.io.Closeable
import java.io.File
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.flow
import org.mmoe.Chat
import org.mmoe.Memory
import org.mmoe.MmoeException
import org.mmoe.Model
import org.mmoe.ModelInfo
import org.mmoe.Session
import org.mmoe.Stats
import org.mmoe.Step
import org.mmoe.WhenFull

/** What the app needs of org.mmoe; its tests put a scripted one in the place of [MmoeEngine]. */
interface Engine {
    val version: String

    /** Blocks while it loads. */
    fun open(folder: File, threads: Int): LoadedModel

    fun memory(): Memory
}

interface LoadedModel : Closeable {
    val info: ModelInfo

    fun newConversation(): Conversation

    fun tokenize(text: String): IntArray

    /** Prefills [prompt] into an empty context and runs [decodeTokens] tokens one by one behind it. */
    suspend fun measure(prompt: IntArray, decodeTokens: Int): Stats
}

interface Conversation : Closeable {
    fun send(text: String): Flow<Step>

    val stats: Stats

    /** Messages that the last turn left out, the oldest, because the context does not hold them any more. */
    val leftOut: Int
}

object MmoeEngine : Engine {
    override val version: String get() = Model.libraryVersion

    override fun open(folder: File, threads: Int): LoadedModel = MmoeModel(Model.open(folder, threads))

    override fun memory(): Memory = Memory.now()
}

private class MmoeModel(private val model: Model) : LoadedModel {
    override val info: ModelInfo get() = model.info

    override fun newConversation(): Conversation =
        if (model.info.hasChat) TemplateConversation(model) else PlainConversation(model.newSession())

    override fun tokenize(text: String): IntArray = model.tokenize(text)

    override suspend fun measure(prompt: IntArray, decodeTokens: Int): Stats =
        model.newSession().use { session ->
            session.generate(prompt, maxNewTokens = 1).collect()
            // Given tokens, because an answer of the model's own could end early. The first call runs the chosen
            // one, too.
            for (index in 1 until decodeTokens) session.decode(prompt[index % prompt.size])
            session.stats
        }

    override fun close() = model.close()
}

private class TemplateConversation(model: Model) : Conversation {
    private val chat = Chat(model, whenFull = WhenFull.DROP_OLDEST)

    override fun send(text: String): Flow<Step> = chat.send(text)

    override val stats: Stats get() = chat.stats

    override val leftOut: Int get() = chat.leftOut.size

    override fun close() = chat.close()
}

/** Without a chat template: a text that each message is appended to, and that begins anew when it is full. */
private class PlainConversation(private val session: Session) : Conversation {
    override fun send(text: String): Flow<Step> = flow {
        leftOut = 0
        try {
            session.prefill(session.model.tokenize(text, addBos = session.position == 0L))
        } catch (_: MmoeException.ContextFull) {
            session.reset()
            leftOut = messages
            messages = 0
            session.prefill(session.model.tokenize(text))
        }
        messages++
        emitAll(session.generate())
    }

    override val stats: Stats get() = session.stats

    override var leftOut = 0
        private set

    private var messages = 0

    override fun close() = session.close()
}
