package org.mmoe

/** What a program is. Lengths are in tokens; [bosId] is null if the tokenizer has none. */
public data class ModelInfo(
    public val vocabSize: Int,
    /** Tokens per call of the program: the prefill chunk. */
    public val maxSeqLen: Int,
    /** Tokens the KV cache holds. */
    public val maxContextLen: Int,
    public val layers: Int,
    public val bosId: Int?,
    /** Threads of the process's pool. */
    public val threads: Int,
    /** Whether [Model.chat] works. */
    public val hasChat: Boolean,
    /** Size of `model.pte`. */
    public val programBytes: Long,
    /** What [Model.open] took. */
    public val loadSeconds: Double,
    /** Keys that the layers with a window see; null without such layers. */
    public val slidingWindow: Int? = null,
    /** Rows that these layers keep: [Session.truncate] goes back no further than they reach. */
    public val windowRows: Int? = null,
    /** For [Session.setSpeculation]; 0 if the artifact was converted without. */
    public val maxDraftTokens: Int = 0,
)

/** What is being done while a model is opened or warmed up. */
public enum class LoadStage {
    /** Every file is read and compared with the manifest, with `verifyChecksums` only; in bytes. */
    CHECKSUMS,

    /** The tokenizer and the chat template are read; in one piece. */
    TOKENIZER,

    /** `model.pte` is mapped and looked through, its weights are not read; in one piece. */
    PROGRAM,

    /** Of [Model.warmUp]: all of `model.pte` is read into memory; in bytes. */
    WEIGHTS,

    /** Of [Model.warmUp]: the program runs; in one piece. */
    FIRST_CALL,
}

/**
 * How far a stage is: work that is done, no estimate of time. [done] is 0 when it begins and [total] when it has ended;
 * [total] is in bytes, or 1 for a stage that is done in one piece.
 */
public data class LoadProgress(public val stage: LoadStage, public val done: Long, public val total: Long)

/** Is told of it on the thread that waits; an exception from it ends the work and is thrown there. */
public fun interface OnProgress {
    public fun onProgress(progress: LoadProgress)
}

/**
 * What a session takes, known before it is opened. Beside it are some bytes for each token of the vocabulary and of the
 * context, and what a delegate (linears of XNNPACK) allocates by itself.
 */
public data class SessionMemory(
    /** Mapped for the caches and activations of the program; a page takes memory once something is written to it. */
    public val plannedBytes: Long,
    /** The part of it that the tokens of the context fill; 0 if a delegate keeps the caches to itself. */
    public val cacheBytes: Long,
    /** Mapped beside it from the first [Session.setSpeculation] on. */
    public val speculationBytes: Long,
)

/** How the next token is chosen. The default is greedy, ties to the lower id. */
public data class Sampling(
    /** 0: greedy. */
    public val temperature: Float = 0f,
    /** 0: all. */
    public val topK: Int = 0,
    /** (0, 1]; 1: all. */
    public val topP: Float = 1f,
    /** [0, 1) of the most probable token's probability; 0: all. */
    public val minP: Float = 0f,
    /** 1: none. */
    public val repetitionPenalty: Float = 1f,
    /** All 64 bits count. */
    public val seed: Long = 0,
    /** Taken from a token's logit for each time that the text holds it, the tokens chosen since the prompt; 0: none. */
    public val frequencyPenalty: Float = 0f,
    /** Taken once if the text holds the token; 0: none. */
    public val presencePenalty: Float = 0f,
) {
    public companion object {
        public val GREEDY: Sampling = Sampling()
    }
}

/** What the model thought of a token: [logprob] is the natural logarithm of its probability. */
public data class TokenLogprob(public val id: Int, public val logprob: Float)

/**
 * What the model itself thought of the [chosen] token and of the most probable ones: before bias, penalties and
 * temperature.
 */
public data class Logprobs(public val chosen: TokenLogprob, public val top: List<TokenLogprob>)

/** What ends a text besides the model itself and the end of its context. */
public data class Limits(
    /**
     * The text ends before the first of these: the one that is complete first, of several that are the longest. Special
     * tokens have no text that one could be in.
     */
    public val stop: List<String> = emptyList(),
    /** Until there are so many tokens, no stop token is chosen and no stop string looked for. */
    public val minNewTokens: Int = 0,
    /** Tokens at most; null for no limit. */
    public val maxNewTokens: Int? = null,
) {
    init {
        require(maxNewTokens == null || maxNewTokens >= 0) { "maxNewTokens must not be negative, not $maxNewTokens" }
    }
}

/** Why a text ended. */
public enum class FinishReason {
    /** The model ended it. */
    STOP_TOKEN,

    /** It came to one of [Limits.stop]. */
    STOP_STRING,

    /** It has as many tokens as were asked for. */
    LENGTH,

    /** The context has no room for another token. */
    CONTEXT_FULL,

    /** [Session.cancel] ended it. */
    CANCELLED,
}

/**
 * A token and the text that became readable with it: whole characters, maybe none.
 *
 * With a [finishReason] it is the end of the text and no token of it: [id] is then the token that ended it, or -1.
 */
public data class Step(public val id: Int, public val text: String, public val finishReason: FinishReason? = null)

/** Who speaks. */
public enum class Role(internal val id: String) {
    SYSTEM("system"),
    USER("user"),
    ASSISTANT("assistant"),

    /** What a tool gave. */
    TOOL("tool"),
}

/** A call of a tool; [arguments] is a JSON object. */
public data class ToolCall(public val name: String, public val arguments: String)

/** One turn of a conversation. Special tokens in it are plain text. */
public data class Message(
    public val role: Role,
    public val content: String,
    /** What an answer calls. */
    public val toolCalls: List<ToolCall> = emptyList(),
)

/** The [ids] of a conversation for which some messages were [leftOut], behind the system messages in front. */
public class FittedChat(public val ids: IntArray, public val leftOut: Int)

/** Figures of a session's last generation. Rates are tokens per second, null before there is one. */
public data class Stats(
    /** Loading the model and opening this session. */
    public val loadSeconds: Double,
    /** From the start of the last prefill until the token after it was chosen. */
    public val ttftSeconds: Double,
    public val prefillTokens: Long,
    public val prefillSeconds: Double,
    /** Since that prefill. */
    public val decodeTokens: Long,
    /** Inside the library: the caller's own time between tokens is not in it. */
    public val decodeSeconds: Double,
    /** The part of [decodeSeconds] inside the program. */
    public val programSeconds: Double,
    /** Tokens that speculative decoding guessed since that prefill. */
    public val draftedTokens: Long = 0,
    /** Those of them that were right; [decodeTokens] counts them, too. */
    public val acceptedTokens: Long = 0,
) {
    public val prefillTokensPerSecond: Double? get() = rate(prefillTokens, prefillSeconds)
    public val decodeTokensPerSecond: Double? get() = rate(decodeTokens, decodeSeconds)

    private fun rate(tokens: Long, seconds: Double): Double? = if (seconds > 0) tokens / seconds else null
}

/** Resident memory of the process in bytes, by kind. */
public data class Memory(
    /** Heap, KV caches, activations. */
    public val anonymousBytes: Long,
    /** Pages of mapped files, the experts among them. */
    public val fileBytes: Long,
    /** The highest seen at the end of a library call. */
    public val peakAnonymousBytes: Long,
    public val peakFileBytes: Long,
    /** Of the whole resident set, by the system's own count. */
    public val peakBytes: Long,
) {
    public companion object {
        public fun now(): Memory = Native.memory().let { Memory(it[0], it[1], it[2], it[3], it[4]) }
    }
}
