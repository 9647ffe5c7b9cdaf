package org.mmoe

import java.io.Closeable
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow

/**
 * A conversation by the artifact's chat template, in a session of its own. What the session's context holds of it
 * already is not run again, so a turn costs its own tokens only.
 *
 * @param system what the conversation begins with, if anything.
 * @param sampling how to choose tokens; by default as the artifact recommends.
 * @throws MmoeException.Unsupported the artifact has no chat template.
 */
public class Chat(private val model: Model, system: String? = null, sampling: Sampling = model.sampling) : Closeable {
    private val opening = listOfNotNull(system?.let { Message(Role.SYSTEM, it) })
    private val session: Session

    init {
        // A model without a template should say so before somebody types.
        model.chat(opening + Message(Role.USER, ""))
        session = model.newSession(sampling)
    }

    /** The turns so far, the system message first. */
    @Volatile public var history: List<Message> = opening
        private set

    /** Ends the running turn, or the next one if none runs; from any thread. */
    public fun cancel(): Unit = session.cancel()

    /** Figures of the last turn. */
    public val stats: Stats get() = session.stats

    /**
     * Says [text] and streams the answer, as [Session.generate] does.
     *
     * The turn becomes part of [history] when its answer has ended. One that fails, is cancelled, or is not collected to
     * its end leaves the conversation as it was.
     *
     * @throws MmoeException.ContextFull the conversation does not fit into the context.
     */
    public fun send(
        text: String,
        maxNewTokens: Int? = null,
        minNewTokens: Int = 0,
        stop: List<String> = emptyList(),
        jsonSchema: String? = null,
        grammar: String? = null,
    ): Flow<Step> = flow {
        val turns = history + Message(Role.USER, text)
        val answer = StringBuilder()
        session.generate(model.chat(turns), maxNewTokens, minNewTokens, stop, jsonSchema, grammar).collect { step ->
            answer.append(step.text)
            if (step.finishReason != null && step.finishReason != FinishReason.CANCELLED) {
                history = turns + Message(Role.ASSISTANT, answer.toString())
            }
            emit(step)
        }
    }

    /** Forgets all turns but the system message. */
    public fun reset() {
        session.reset()
        history = opening
    }

    /** Ends a running turn and frees the context. Closing twice is harmless. */
    override fun close(): Unit = session.close()
}
