package org.mmoe

import java.io.Closeable
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.cancellable
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.withContext

/**
 * The context of one conversation. It does one thing at a time: a second call while one runs throws
 * [MmoeException.Busy]. Only [close] may come at any moment; it ends the running call.
 *
 * Suspending functions and flows compute on [Dispatchers.Default]. Cancelling their coroutine ends the library's work
 * within one token of decode or one chunk of prefill; the session can be used again afterwards.
 */
public class Session internal constructor(public val model: Model, private val handle: Long) : Closeable {
    @Volatile private var lastStats = readStats()

    /** Tokens in the context. */
    public val position: Long get() = Native.sessionPosition(handle)

    /** Figures of the last prefill and of the decode since; while something runs, as of the last piece. */
    public val stats: Stats
        get() =
            try {
                readStats()
            } catch (_: MmoeException.Busy) {
                lastStats
            }

    /**
     * Appends [ids] in chunks of [ModelInfo.maxSeqLen]. If it is cancelled, [position] tells how far it came.
     *
     * @throws MmoeException.ContextFull they do not fit; nothing was run.
     */
    public suspend fun prefill(ids: IntArray): Unit = computing { prefill(it, ids) }

    /**
     * Makes the context exactly [ids]: what it holds of them from the front is kept, only the rest is run. A
     * conversation that is rendered anew for each turn so costs its new turn only.
     *
     * @throws MmoeException.ContextFull they do not fit; nothing was run.
     */
    public suspend fun prompt(ids: IntArray): Unit = computing { it.call { Native.sessionPrompt(handle, ids) } }

    /** Appends [text], with the tokenizer's beginning if the context is empty, and streams its continuation. */
    public fun generate(text: String, maxNewTokens: Int = Int.MAX_VALUE): Flow<Piece> = stream(maxNewTokens) {
        model.tokenize(text, addBos = position == 0L)
    }

    /**
     * Appends [ids] and streams what follows, one piece per token. It is cold: nothing runs until it is collected. The
     * library works on the next token while the collector handles the last one, and never further ahead.
     *
     * @param ids may be empty after a prefill or prompt, to go on from there.
     * @param maxNewTokens the flow ends after so many pieces, at least 1.
     */
    public fun generate(ids: IntArray, maxNewTokens: Int = Int.MAX_VALUE): Flow<Piece> = stream(maxNewTokens) { ids }

    /** Puts the token chosen last into the context, as the next token or prefill would. */
    public suspend fun commit(): Unit = computing { it.call { Native.sessionCommit(handle) } }

    /** Appends one given token and leaves its [logits]: decode under the caller's control. */
    public suspend fun decode(id: Int): Unit = computing { it.call { Native.sessionDecode(handle, id) } }

    /** Logits of the last token run, `[vocabSize]`. */
    public fun logits(): FloatArray = FloatArray(model.info.vocabSize).also { Native.sessionLogits(handle, it) }

    /** Replaces the sampling and restarts its random numbers from the seed. */
    public fun setSampling(sampling: Sampling): Unit =
        with(sampling) { Native.sessionSetSampling(handle, temperature, topK, topP, minP, repetitionPenalty, seed) }

    /** Keeps the first [position] tokens; costs nothing. */
    public fun truncate(position: Long): Unit = Native.sessionTruncate(handle, position)

    /** Empties the context; statistics and random numbers start afresh. */
    public fun reset(): Unit = Native.sessionReset(handle)

    /** Ends a running call with [MmoeException.Closed] and frees the context. Closing twice is harmless. */
    override fun close(): Unit = Native.sessionClose(handle)

    private suspend fun computing(block: (CancellableCalls) -> Unit): Unit =
        withContext(Dispatchers.Default) { cancellableCalls(handle) { block(it) } }

    private fun stream(maxNewTokens: Int, prompt: () -> IntArray): Flow<Piece> {
        require(maxNewTokens >= 1) { "maxNewTokens must be at least 1, not $maxNewTokens" }
        return flow {
            cancellableCalls(handle) { calls ->
                val ids = prompt()
                if (ids.isNotEmpty()) prefill(calls, ids)
                var count = 0
                do {
                    val piece = next(calls, last = ++count == maxNewTokens)
                    emit(piece)
                } while (piece.finish == null)
            }
        }.flowOn(Dispatchers.Default)
            .buffer(Channel.RENDEZVOUS)
            // A piece that is ready already is not handed to a collector that was cancelled meanwhile.
            .cancellable()
    }

    private fun prefill(calls: CancellableCalls, ids: IntArray) {
        var offset = 0
        val done = LongArray(1)
        calls.call {
            try {
                Native.sessionPrefill(handle, ids, offset, done)
            } finally {
                offset += done[0].toInt()
            }
        }
    }

    private fun next(calls: CancellableCalls, last: Boolean): Piece {
        val idAndFinish = IntArray(2)
        val text = calls.call { Native.sessionNext(handle, idAndFinish) }.decodeToString()
        lastStats = stats
        val finish =
            when (idAndFinish[1]) {
                0 -> if (last) Finish.MAX_NEW_TOKENS else null
                1 -> Finish.STOP_TOKEN
                else -> Finish.CONTEXT_FULL
            }
        return Piece(idAndFinish[0], text, finish)
    }

    private fun readStats(): Stats {
        val tokens = LongArray(2)
        val seconds = Native.sessionStats(handle, tokens)
        return Stats(seconds[0], seconds[1], tokens[0], seconds[2], tokens[1], seconds[3], seconds[4])
    }
}
