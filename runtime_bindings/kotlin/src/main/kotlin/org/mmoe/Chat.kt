package org.mmoe

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.onCompletion
import kotlinx.coroutines.flow.onEach

/**
 * A conversation in a [session] of its own, by the artifact's chat template. What the cache already holds of it is kept
 * from turn to turn, so that a turn prefills only what is new.
 */
public class Chat(private val session: Session, system: String? = null) {
    private val turns = mutableListOf<Message>()

    init {
        if (system != null) turns += Message(Role.SYSTEM, system)
    }

    /** The turns so far. */
    public val messages: List<Message> get() = turns.toList()

    /**
     * Says [text] and streams the answer. An answer that is cut short by cancellation stays in the conversation as far
     * as it was streamed; a message that cannot be prefilled is forgotten.
     *
     * @throws MmoeException.ContextFull the conversation does not fit into the context.
     */
    public fun send(text: String, maxNewTokens: Int = Int.MAX_VALUE): Flow<Piece> = flow {
        val turn = Message(Role.USER, text)
        session.prompt(session.model.chat(turns + turn))
        val answer = StringBuilder()
        emitAll(
            session.generate(IntArray(0), maxNewTokens)
                .onEach { answer.append(it.text) }
                .onCompletion {
                    turns += turn
                    turns += Message(Role.ASSISTANT, answer.toString())
                },
        )
    }
}
