package org.mmoe

/**
 * The C ABI as jni/ exposes it. Text crosses as UTF-8 bytes, for JNI's own strings are "modified" UTF-8, which writes
 * emoji as two surrogates. Handles are the ABI's 64-bit numbers. Every function may throw what [fail] throws.
 */
internal object Native {
    init {
        System.loadLibrary("mmoe_jni")
        check(abiMatches()) { "libmmoe_jni and libmmoe ${version().decodeToString()} are of different ABI versions" }
    }

    @JvmStatic external fun abiMatches(): Boolean

    @JvmStatic external fun version(): ByteArray

    @JvmStatic external fun statusName(status: Int): ByteArray

    @JvmStatic external fun lastError(): ByteArray

    /** [anonymous, file, peak anonymous, peak file, peak], bytes. */
    @JvmStatic external fun memory(): LongArray

    @JvmStatic external fun dropFromPageCache(path: ByteArray): Boolean

    @JvmStatic
    external fun modelOpen(folder: ByteArray, threads: Int, verifyChecksums: Boolean, onProgress: OnProgress?): Long

    @JvmStatic external fun modelWarmUp(model: Long, onProgress: OnProgress?)

    /** [planned, cache, speculation] bytes; tokens -1: a full context. */
    @JvmStatic external fun modelSessionMemory(model: Long, tokens: Long): LongArray

    @JvmStatic external fun modelClose(model: Long)

    /** [vocab_size, max_seq_len, max_context_len, layers, bos_id, threads, has_chat, program_bytes] */
    @JvmStatic external fun modelInfo(model: Long): LongArray

    @JvmStatic external fun modelLoadSeconds(model: Long): Double

    @JvmStatic external fun tokenize(model: Long, text: ByteArray, addBos: Boolean, parseSpecial: Boolean): IntArray

    @JvmStatic external fun detokenize(model: Long, ids: IntArray, skipSpecial: Boolean): ByteArray

    @JvmStatic external fun tokenBytes(model: Long, id: Int, first: Boolean): ByteArray

    @JvmStatic external fun chatJson(model: Long, conversation: ByteArray, now: ByteArray?): IntArray

    /** leftOut becomes [messages left out]. */
    @JvmStatic
    external fun chatFit(model: Long, conversation: ByteArray, now: ByteArray?, mostIds: Int, leftOut: IntArray): IntArray

    /** An assistant's message as JSON. */
    @JvmStatic external fun toolCalls(model: Long, text: ByteArray): ByteArray

    /** top_k; floats becomes [temperature, top_p, min_p, repetition_penalty]. */
    @JvmStatic external fun modelSampling(model: Long, floats: FloatArray): Int

    @JvmStatic external fun sessionOpen(model: Long): Long

    @JvmStatic external fun sessionClose(session: Long)

    @JvmStatic
    external fun sessionSetSampling(
        session: Long,
        temperature: Float,
        topK: Int,
        topP: Float,
        minP: Float,
        repetitionPenalty: Float,
        frequencyPenalty: Float,
        presencePenalty: Float,
        seed: Long,
    )

    @JvmStatic external fun sessionPrefill(session: Long, ids: IntArray)

    /** Makes the context exactly ids, keeping what it holds of them. */
    @JvmStatic external fun sessionPrompt(session: Long, ids: IntArray)

    /** The text that became readable; idAndFinish becomes [id, mmoe_finish]. */
    @JvmStatic external fun sessionNext(session: Long, idAndFinish: IntArray): ByteArray

    @JvmStatic external fun sessionSetLogitBias(session: Long, ids: IntArray, values: FloatArray)

    /** Fills both: the chosen token first, behind it the most probable ones. */
    @JvmStatic external fun sessionLogprobs(session: Long, ids: IntArray, values: FloatArray)

    /** maxDraftTokens -1: all that the program can judge. */
    @JvmStatic external fun sessionSave(session: Long, path: ByteArray)

    @JvmStatic external fun sessionRestore(session: Long, path: ByteArray)

    @JvmStatic external fun sessionSetSpeculation(session: Long, maxDraftTokens: Int, document: IntArray)

    /** maxNewTokens -1: no limit. */
    @JvmStatic
    external fun sessionSetLimits(session: Long, stop: Array<ByteArray>, minNewTokens: Long, maxNewTokens: Long)

    /** kind: mmoe_grammar_kind. */
    @JvmStatic external fun sessionSetGrammar(session: Long, kind: Int, text: ByteArray)

    @JvmStatic external fun modelCheckGrammar(model: Long, kind: Int, text: ByteArray)

    @JvmStatic external fun sessionHideToolCalls(session: Long, on: Boolean)

    /** The text that was held back. */
    @JvmStatic external fun sessionFlush(session: Long): ByteArray

    @JvmStatic external fun sessionCommit(session: Long)

    @JvmStatic external fun sessionDecode(session: Long, id: Int)

    @JvmStatic external fun sessionLogits(session: Long, logits: FloatArray)

    @JvmStatic external fun sessionPosition(session: Long): Long

    @JvmStatic external fun sessionTruncate(session: Long, position: Long)

    @JvmStatic external fun sessionReset(session: Long)

    @JvmStatic external fun sessionCancel(session: Long)

    @JvmStatic external fun sessionClearCancel(session: Long)

    @JvmStatic external fun sessionCountExperts(session: Long, on: Boolean)

    /** Row by row; layersAndExperts becomes [layers, experts]. */
    @JvmStatic external fun sessionExpertCounts(session: Long, layersAndExperts: IntArray): LongArray

    /** [load, ttft, prefill, decode, program] seconds; tokens becomes [prefill, decode]. */
    @JvmStatic external fun sessionStats(session: Long, tokens: LongArray): DoubleArray

    /** Called by jni/ on the thread of the call; what it throws ends that. */
    @JvmStatic
    fun progress(onProgress: OnProgress, stage: Int, done: Long, total: Long): Unit =
        onProgress.onProgress(LoadProgress(LoadStage.entries[stage], done, total))

    /** Called by jni/ on the thread of the failed call, so that [lastError] is that call's. */
    @JvmStatic
    fun fail(status: Int): Nothing = throw MmoeException.of(status, lastError().decodeToString())
}
