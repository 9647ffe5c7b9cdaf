package org.mmoe

import java.io.Closeable
import java.io.File
import java.util.concurrent.atomic.AtomicBoolean
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.flow

/** What a turn does that does not fit into the context behind all the others. */
public enum class WhenFull {
    /** It fails, and the conversation stays as it was. */
    REFUSE,

    /** The oldest turns behind the system message are left out, as few as possible. */
    DROP_OLDEST,
}

/**
 * A conversation by the artifact's chat template, in a session of its own. What the session's context holds of it
 * already is not run again, so a turn costs its own tokens only.
 *
 * @param system what the conversation begins with, if anything.
 * @param sampling how to choose tokens; by default as the artifact recommends.
 * @param tools what the assistant may call, each as the JSON schema of a function.
 * @param whenFull what a turn does that does not fit.
 * @param answerRoom with [WhenFull.DROP_OLDEST], tokens that an answer has room for at least: of `maxNewTokens` and half
 *     the context, the least.
 * @throws MmoeException.Unsupported the artifact has no chat template.
 */
public class Chat(
    private val model: Model,
    system: String? = null,
    sampling: Sampling = model.sampling,
    private val tools: List<String> = emptyList(),
    private val whenFull: WhenFull = WhenFull.REFUSE,
    answerRoom: Int = 256,
) : Closeable {
    private val answerRoom = minOf(answerRoom, model.info.maxContextLen / 2)
    private val session: Session
    private val sending = AtomicBoolean()
    private var opening = listOfNotNull(system?.let { Message(Role.SYSTEM, it) })

    init {
        require(answerRoom >= 0) { "answerRoom must not be negative, not $answerRoom" }
        // A model without a template should say so before somebody types.
        model.chat(opening + Message(Role.USER, ""), tools)
        session = model.newSession(sampling)
    }

    /** The turns so far as the template is given them, calls of tools and their results among them. */
    @Volatile public var turns: List<Message> = opening
        private set

    /** The turns so far, the system message first: their roles and texts. */
    public val history: List<Message> get() = plain(turns)

    /** What the last turn left out to make room, the oldest first; it is no longer in [history]. */
    @Volatile public var leftOut: List<Message> = emptyList()
        private set

    /** Ends the running turn, or the next one if none runs; from any thread. */
    public fun cancel(): Unit = session.cancel()

    /** Figures of the last turn. */
    public val stats: Stats get() = session.stats

    /**
     * Says [text] and streams the answer, as [Session.generate] does.
     *
     * The turn becomes part of [history] when its answer has ended. One that fails, is cancelled, or is not collected to
     * its end leaves the conversation as it was. An answer that calls one of the tools becomes a turn with
     * [Message.toolCalls], see [turns]; its steps show the text beside the calls only.
     *
     * @throws MmoeException.ContextFull the conversation does not fit into the context.
     * @throws MmoeException.Busy another turn is running.
     */
    public fun send(
        text: String,
        maxNewTokens: Int? = null,
        minNewTokens: Int = 0,
        stop: List<String> = emptyList(),
        jsonSchema: String? = null,
        grammar: String? = null,
    ): Flow<Step> =
        send(listOf(Message(Role.USER, text)), maxNewTokens, minNewTokens, stop, jsonSchema, grammar)

    /** The same for other [messages], such as the results of the tools that the last answer called. */
    public fun send(
        messages: List<Message>,
        maxNewTokens: Int? = null,
        minNewTokens: Int = 0,
        stop: List<String> = emptyList(),
        jsonSchema: String? = null,
        grammar: String? = null,
    ): Flow<Step> = flow {
        alone { stream(turns + messages, maxNewTokens, minNewTokens, stop, jsonSchema, grammar) }
    }

    /** Between two tokens of a turn the session is free, and another one would answer in its place. */
    private inline fun alone(change: () -> Unit) {
        if (!sending.compareAndSet(false, true)) throw MmoeException.Busy("a turn of this conversation is running")
        try {
            change()
        } finally {
            sending.set(false)
        }
    }

    private suspend fun FlowCollector<Step>.stream(
        all: List<Message>,
        maxNewTokens: Int?,
        minNewTokens: Int,
        stop: List<String>,
        jsonSchema: String?,
        grammar: String?,
    ) {
        val prompt = prompt(all, maxNewTokens)
        val first = all.takeWhile { it.role == Role.SYSTEM }.size
        val leaving = all.subList(first, first + prompt.leftOut)
        val kept = all.take(first) + all.drop(first + prompt.leftOut)
        val text = StringBuilder()
        val ids = mutableListOf<Int>()
        val limits = Limits(stop, minNewTokens, maxNewTokens)
        session.stream(limits, Grammar.of(jsonSchema, grammar), tools.isNotEmpty()) { prompt.ids }.collect { step ->
            text.append(step.text)
            if (step.finishReason == null) {
                ids += step.id
            } else if (step.finishReason != FinishReason.CANCELLED) {
                turns = kept + answer(text.toString(), ids.toIntArray())
                leftOut = plain(leaving)
            }
            emit(step)
        }
    }

    /**
     * Forgets all turns but the system message.
     *
     * @throws MmoeException.Busy a turn is running.
     */
    public fun reset(): Unit = alone {
        session.reset()
        turns = opening
        leftOut = emptyList()
    }

    /**
     * Goes on from other turns; a system message in front of them is what [reset] keeps. What the context holds of them
     * already is not run again.
     *
     * @throws MmoeException.InvalidArgument the artifact's template refuses them.
     * @throws MmoeException.Busy a turn is running.
     */
    public fun restore(turns: List<Message>): Unit = alone {
        check(turns)
        take(turns)
    }

    /**
     * Writes the context, as [Session.save] does it; the [turns] are for the caller to keep.
     *
     * @throws MmoeException.Busy a turn is running.
     */
    public suspend fun save(file: File): Unit = alone { session.save(file) }

    /**
     * Goes on from a conversation whose [turns] and [snapshot] were kept: the next turn runs its own tokens only, and is what
     * it would have been. The sampling is that of the snapshot.
     *
     * @throws MmoeException.Corrupt the file is cut, altered or no snapshot; the conversation is what it was.
     * @throws MmoeException.Version it is of another format or program; the conversation is what it was.
     * @throws MmoeException.InvalidArgument the artifact's template refuses the turns.
     * @throws MmoeException.Busy a turn is running.
     */
    public suspend fun restore(turns: List<Message>, snapshot: File): Unit = alone {
        check(turns)
        session.restore(snapshot)
        take(turns)
    }

    private fun check(turns: List<Message>) {
        model.chat(turns + Message(Role.USER, ""), tools)
    }

    private fun take(turns: List<Message>) {
        opening = turns.take(1).filter { it.role == Role.SYSTEM }
        this.turns = turns.toList()
        leftOut = emptyList()
    }

    /** Begins to count which experts the tokens of this conversation are sent to, or ends it; see [expertCounts]. */
    public fun countExperts(on: Boolean = true): Unit = session.countExperts(on)

    /** What [Session.expertCounts] has. */
    public fun expertCounts(): List<LongArray> = session.expertCounts()

    /** Ends a running turn and frees the context. Closing twice is harmless. */
    override fun close(): Unit = session.close()

    private fun prompt(turns: List<Message>, maxNewTokens: Int?): FittedChat {
        if (whenFull == WhenFull.REFUSE) return FittedChat(model.chat(turns, tools), 0)
        val room = minOf(maxNewTokens ?: answerRoom, answerRoom)
        return model.chatFit(conversationJson(turns, tools), model.info.maxContextLen - room)
    }

    private fun plain(turns: List<Message>): List<Message> = turns.map { Message(it.role, it.content) }

    private fun answer(text: String, ids: IntArray): Message {
        val called = if (tools.isEmpty()) null else model.toolCalls(ids).takeIf { it.toolCalls.isNotEmpty() }
        return called ?: Message(Role.ASSISTANT, text)
    }
}
