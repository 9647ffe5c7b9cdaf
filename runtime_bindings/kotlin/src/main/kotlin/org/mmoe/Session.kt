package org.mmoe

import java.io.Closeable
import java.lang.ref.Reference
import java.io.File
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
 * [MmoeException.Busy]. Only [cancel] and [close] may come at any moment; they end the running call.
 *
 * Suspending functions and flows compute on threads of the library's own. Cancelling their coroutine ends the library's work
 * within one token of decode or one chunk of prefill; the session can be used again afterwards.
 */
public class Session internal constructor(public val model: Model, private val handle: Long) : Closeable {
    // Whoever forgets to close it gets its memory back when nobody can reach it any longer.
    private val watch = handle.let { open -> Abandoned.watch(this) { Native.sessionClose(open) } }

    @Volatile private var lastStats = readStats()

    /** Tokens in the context. */
    public val position: Long get() = Native.sessionPosition(handle)

    /** Figures of the last prefill and of the decode since; while something runs, as of the last step. */
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
    public suspend fun prefill(ids: IntArray): Unit = computing { it.call { Native.sessionPrefill(handle, ids) } }

    /**
     * Makes the context exactly [ids]: what it holds of them from the front is kept, only the rest is run. A
     * conversation that is rendered anew for each turn so costs its new turn only.
     *
     * @throws MmoeException.ContextFull they do not fit; nothing was run.
     */
    public suspend fun prompt(ids: IntArray): Unit = computing { it.call { Native.sessionPrompt(handle, ids) } }

    /**
     * Runs the token chosen last, if there is one, and chooses the next, which is not in the context yet.
     *
     * @throws MmoeException.InvalidArgument nothing was run before.
     */
    public suspend fun next(): Step = computing { next(it) }

    /** Makes [text] the context, as [prompt] does it, and streams what follows. */
    public fun generate(
        text: String,
        maxNewTokens: Int? = null,
        minNewTokens: Int = 0,
        stop: List<String> = emptyList(),
        jsonSchema: String? = null,
        grammar: String? = null,
    ): Flow<Step> =
        stream(Limits(stop, minNewTokens, maxNewTokens), Grammar.of(jsonSchema, grammar)) { model.tokenize(text) }

    /**
     * Makes [ids] the context, as [prompt] does it, and streams what follows: a step for each token, and a last one with
     * the reason why the text ended. It is cold: nothing runs until it is collected. The library works on the next
     * token while the collector handles the last one, and never further ahead.
     *
     * @param ids null goes on from the context.
     * @param maxNewTokens tokens at most; null goes on until the text ends or the context is full.
     * @param minNewTokens until there are so many, no stop token is chosen and no stop string looked for.
     * @param stop strings that the text ends before.
     * @param jsonSchema a schema that the text must satisfy as JSON.
     * @param grammar a grammar in llama.cpp's GBNF that the text must be of; not beside [jsonSchema].
     */
    public fun generate(
        ids: IntArray? = null,
        maxNewTokens: Int? = null,
        minNewTokens: Int = 0,
        stop: List<String> = emptyList(),
        jsonSchema: String? = null,
        grammar: String? = null,
    ): Flow<Step> = stream(Limits(stop, minNewTokens, maxNewTokens), Grammar.of(jsonSchema, grammar)) { ids }

    /**
     * Limits the text that follows; [prompt], [prefill], [truncate] and [reset] begin one without limits. Tokens are
     * counted from here, and a text that ended by its length goes on.
     */
    public fun setLimits(limits: Limits): Unit =
        with(limits) {
            val stops = Array(stop.size) { stop[it].encodeToByteArray() }
            Native.sessionSetLimits(handle, stops, minNewTokens.toLong(), maxNewTokens?.toLong() ?: -1)
        }

    /**
     * Guesses what follows from what the context and [document] have said before, and runs the guess together with a
     * token. Tokens, logits and log-probabilities are those of plain decoding; texts that repeat come faster.
     *
     * @param maxDraftTokens tokens that one call judges at most; null for all that the program can, 0 for plain decoding.
     * @param document ids that drafts are taken from beside the context: a text that is to be quoted or edited.
     * @throws MmoeException.Unsupported the artifact was converted without `--speculation on`.
     */
    public fun setSpeculation(maxDraftTokens: Int? = null, document: IntArray = IntArray(0)) {
        require(maxDraftTokens == null || maxDraftTokens >= 0) { "maxDraftTokens must not be negative" }
        Native.sessionSetSpeculation(handle, maxDraftTokens ?: -1, document)
    }

    /**
     * Restricts the text that follows; without arguments it is any again. [prompt], [prefill], [truncate] and [reset] begin
     * a text without a grammar. Where it allows nothing more, [next] ends the text with [FinishReason.STOP_TOKEN].
     *
     * @param jsonSchema a schema that the text must satisfy as JSON.
     * @param grammar a grammar in llama.cpp's GBNF that the text must be of; not beside [jsonSchema].
     * @throws MmoeException.InvalidArgument it is no schema or no grammar; the message says where.
     * @throws MmoeException.Unsupported the schema has a keyword that is not supported; the message says which and where.
     */
    public fun setGrammar(jsonSchema: String? = null, grammar: String? = null): Unit =
        setGrammar(Grammar.of(jsonSchema, grammar))

    private fun setGrammar(grammar: Grammar): Unit = Native.sessionSetGrammar(handle, grammar.kind, grammar.text)

    /**
     * Leaves calls of tools out of the text of the steps that follow, or shows all again: from where a call may begin text is
     * held back until it cannot be one. What is shown is the content that [Model.toolCalls] finds in the whole text. [prompt],
     * [prefill], [truncate] and [reset] begin a text that shows all.
     */
    public fun hideToolCalls(on: Boolean = true): Unit = Native.sessionHideToolCalls(handle, on)

    /** Begins to count which experts the tokens that the session runs are sent to, or ends it. */
    public fun countExperts(on: Boolean = true): Unit = Native.sessionCountExperts(handle, on)

    /**
     * How often each expert of each MoE layer was chosen since [countExperts], layers in the order they run. A chunk of a
     * prompt sends only its last token through the last layer; tokens that speculative decoding guessed count whether they
     * were right or not. Empty without a count, before anything was run, and for a program whose experts are not this
     * library's.
     */
    public fun expertCounts(): List<LongArray> {
        val layersAndExperts = IntArray(2)
        val counts = Native.sessionExpertCounts(handle, layersAndExperts)
        val (layers, experts) = layersAndExperts
        return List(layers) { counts.copyOfRange(it * experts, (it + 1) * experts) }
    }

    /** Text that was held back because a stop string may begin with it, for a caller that stops here. */
    public fun flush(): String = Native.sessionFlush(handle).decodeToString()

    /** Puts the token chosen last into the context, as the next token or prefill would. */
    public suspend fun commit(): Unit = computing { it.call { Native.sessionCommit(handle) } }

    /** Appends one given token and leaves its [logits]: decode under the caller's control. */
    public suspend fun decode(id: Int): Unit = computing { it.call { Native.sessionDecode(handle, id) } }

    /** Logits of the last token run, `[vocabSize]`. */
    public fun logits(): FloatArray = FloatArray(model.info.vocabSize).also { Native.sessionLogits(handle, it) }

    /** Replaces the sampling and restarts its random numbers from the seed. */
    public fun setSampling(sampling: Sampling): Unit =
        with(sampling) {
            Native.sessionSetSampling(
                handle,
                temperature,
                topK,
                topP,
                minP,
                repetitionPenalty,
                frequencyPenalty,
                presencePenalty,
                seed,
            )
        }

    /** What is added to logits before all else of the sampling, until it is replaced; minus infinity excludes a token. */
    public fun setLogitBias(bias: Map<Int, Float>): Unit =
        Native.sessionSetLogitBias(handle, bias.keys.toIntArray(), bias.values.toFloatArray())

    /**
     * What the model thought of the token that [next] chose, and of the [top] most probable ones.
     *
     * @throws MmoeException.InvalidArgument no token was chosen since something was run.
     */
    public fun logprobs(top: Int = 0): Logprobs {
        require(top in 0..model.info.vocabSize) { "top must be from 0 to ${model.info.vocabSize}, not $top" }
        val ids = IntArray(top + 1)
        val values = FloatArray(top + 1)
        Native.sessionLogprobs(handle, ids, values)
        val found = ids.zip(values.asIterable(), ::TokenLogprob)
        return Logprobs(found.first(), found.drop(1))
    }

    /** Keeps the first [position] tokens; costs nothing. */
    public fun truncate(position: Long): Unit = Native.sessionTruncate(handle, position)

    /** Empties the context; statistics, random numbers and a pending cancel start afresh. */
    public fun reset(): Unit = Native.sessionReset(handle)

    /**
     * Writes the context, the sampling with its random numbers, and the text where it is, within its grammar if it has one,
     * to [file], which is replaced only by a whole one. Statistics are not in it.
     *
     * @throws MmoeException.Unsupported a backend keeps the caches to itself.
     */
    public suspend fun save(file: File): Unit =
        withContext(Dispatchers.IO) { Native.sessionSave(handle, file.path.encodeToByteArray()) }

    /**
     * Makes this the session that [save] wrote: it goes on with the same tokens and text, bit for bit. Any session of a
     * model with the same program can take it, as often as wanted.
     *
     * @throws MmoeException.Corrupt the file is cut, altered or no snapshot; the session is what it was.
     * @throws MmoeException.Version it is of another format or program; the session is what it was.
     */
    public suspend fun restore(file: File): Unit =
        withContext(Dispatchers.IO) { Native.sessionRestore(handle, file.path.encodeToByteArray()) }

    /** Ends the running call, or the next one if none runs, with [MmoeException.Cancelled]; from any thread. */
    public fun cancel(): Unit = Native.sessionCancel(handle)

    /** Drops a cancel that no call has met yet. */
    public fun clearCancel(): Unit = Native.sessionClearCancel(handle)

    /** Ends a running call with [MmoeException.Closed] and frees the context. Closing twice is harmless. */
    override fun close(): Unit = watch.free()

    internal fun stream(
        limits: Limits,
        grammar: Grammar,
        hideToolCalls: Boolean = false,
        prompt: () -> IntArray?,
    ): Flow<Step> =
        flow {
            cancellableCalls(handle) { calls ->
                var begun = false
                do {
                    val step =
                        try {
                            if (!begun) {
                                prompt()?.let { ids -> calls.call { Native.sessionPrompt(handle, ids) } }
                                setLimits(limits)
                                this@Session.hideToolCalls(hideToolCalls)
                                setGrammar(grammar)
                                begun = true
                            }
                            next(calls)
                        } catch (_: MmoeException.Cancelled) {
                            // What was held back is of this text only if that has begun.
                            Step(-1, if (begun) flush() else "", FinishReason.CANCELLED)
                        }
                    emit(step)
                } while (step.finishReason == null)
            }
            Reference.reachabilityFence(this@Session)
        }.flowOn(COMPUTE)
            .buffer(Channel.RENDEZVOUS)
            // A step that is ready already is not handed to a collector that was cancelled meanwhile.
            .cancellable()

    internal suspend fun <T> computing(block: (CancellableCalls) -> T): T =
        withContext(COMPUTE) {
            try {
                cancellableCalls(handle) { block(it) }
            } finally {
                Reference.reachabilityFence(this@Session)
            }
        }

    private fun next(calls: CancellableCalls): Step {
        val idAndFinish = IntArray(2)
        val text = calls.call { Native.sessionNext(handle, idAndFinish) }.decodeToString()
        lastStats = stats
        val reason =
            when (idAndFinish[1]) {
                0 -> null
                1 -> FinishReason.STOP_TOKEN
                2 -> FinishReason.CONTEXT_FULL
                3 -> FinishReason.STOP_STRING
                else -> FinishReason.LENGTH
            }
        return Step(idAndFinish[0], text, reason)
    }

    private fun readStats(): Stats {
        val tokens = LongArray(4)
        val seconds = Native.sessionStats(handle, tokens)
        return Stats(
            loadSeconds = seconds[0],
            ttftSeconds = seconds[1],
            prefillTokens = tokens[0],
            prefillSeconds = seconds[2],
            decodeTokens = tokens[1],
            decodeSeconds = seconds[3],
            programSeconds = seconds[4],
            draftedTokens = tokens[2],
            acceptedTokens = tokens[3],
        )
    }
}
