package org.mmoe

import java.io.Closeable
import java.io.File

/**
 * An artifact of mmoe-export, mapped into memory. It is shared by its sessions and may be used from any thread.
 *
 * ```
 * Model.open(File("artifact")).use { model ->
 *     model.newSession().use { session ->
 *         session.generate("In the beginning", maxNewTokens = 64).collect { print(it.text) }
 *     }
 * }
 * ```
 */
public class Model private constructor(private val handle: Long) : Closeable {
    /** What the program is, and what loading it took. */
    public val info: ModelInfo =
        Native.modelInfo(handle).let { numbers ->
            ModelInfo(
                vocabSize = numbers[0].toInt(),
                maxSeqLen = numbers[1].toInt(),
                maxContextLen = numbers[2].toInt(),
                layers = numbers[3].toInt(),
                bosId = numbers[4].toInt().takeIf { it >= 0 },
                threads = numbers[5].toInt(),
                hasChat = numbers[6] != 0L,
                programBytes = numbers[7],
                loadSeconds = Native.modelLoadSeconds(handle),
                slidingWindow = numbers[8].toInt().takeIf { it > 0 },
                windowRows = numbers[9].toInt().takeIf { it > 0 },
                maxDraftTokens = numbers[10].toInt(),
            )
        }

    /** What the checkpoint's author recommends; greedy without a recommendation. */
    public val sampling: Sampling =
        FloatArray(4).let { floats ->
            val topK = Native.modelSampling(handle, floats)
            Sampling(floats[0], topK, topP = floats[1], minP = floats[2], repetitionPenalty = floats[3])
        }

    /**
     * The ids of [text].
     *
     * @param addBos puts the tokenizer's own beginning in front.
     * @param parseSpecial turns the text of special tokens into their ids; leave it off for text of a user.
     */
    public fun tokenize(text: String, addBos: Boolean = true, parseSpecial: Boolean = false): IntArray =
        Native.tokenize(handle, text.encodeToByteArray(), addBos, parseSpecial)

    /** The text of [ids]; bytes that are no UTF-8 become U+FFFD. */
    public fun detokenize(ids: IntArray, skipSpecial: Boolean = true): String =
        Native.detokenize(handle, ids, skipSpecial).decodeToString()

    /**
     * The bytes that one token adds to a text; of a character that several tokens make, its part.
     *
     * @param id of the token; one that the tokenizer does not know has no bytes.
     * @param first whether the text begins with it; some tokenizers write such a token without its space.
     */
    public fun tokenBytes(id: Int, first: Boolean = true): ByteArray = Native.tokenBytes(handle, id, first)

    /**
     * The ids of a conversation by the artifact's chat template, ready for prefill: they end with the header of the
     * assistant's turn. The text of special tokens in messages and tools is plain text.
     *
     * @param tools what the assistant may call, each as the JSON schema of a function.
     * @throws MmoeException.Unsupported the artifact has no chat template.
     * @throws MmoeException.InvalidArgument the template refuses the conversation.
     */
    public fun chat(messages: List<Message>, tools: List<String> = emptyList()): IntArray =
        chatJson(conversationJson(messages, tools))

    /**
     * The same for everything that a template may read, such as the calls of tools.
     *
     * @param conversation a JSON object of what Hugging Face's `apply_chat_template` takes: "messages", "tools",
     *     "add_generation_prompt" (false unless it is there) and the template's own switches.
     * @param now what the template takes for the local time, `2026-07-04T12:30:00`; null for the clock's.
     * @throws MmoeException.Unsupported the artifact has no chat template.
     * @throws MmoeException.InvalidArgument the template refuses the conversation, or it is no JSON.
     */
    public fun chatJson(conversation: String, now: String? = null): IntArray =
        Native.chatJson(handle, conversation.encodeToByteArray(), now?.encodeToByteArray())

    /**
     * As [chatJson], without as many of the oldest turns as it takes to have [mostIds] at most. A turn is a user's message
     * with all up to the next one.
     *
     * @throws MmoeException.ContextFull the system messages and the last turn are too long by themselves.
     */
    public fun chatFit(conversation: String, mostIds: Int, now: String? = null): FittedChat {
        require(mostIds >= 0) { "mostIds must not be negative, not $mostIds" }
        val leftOut = IntArray(1)
        val ids = Native.chatFit(handle, conversation.encodeToByteArray(), now?.encodeToByteArray(), mostIds, leftOut)
        return FittedChat(ids, leftOut[0])
    }

    /**
     * An answer as a message: its content and, in the way of Llama 3, Qwen, Hermes, Granite or LFM2, the calls of tools
     * that it makes. A call that is broken is content.
     *
     * @param text of the answer, with that of special tokens.
     */
    public fun toolCalls(text: String): Message =
        messageOf(Native.toolCalls(handle, text.encodeToByteArray()).decodeToString())

    /** The same of the [ids] of an answer, without the one that ended it. */
    public fun toolCalls(ids: IntArray): Message = toolCalls(detokenize(ids, skipSpecial = false))

    /**
     * Compiles a schema or a grammar, so that a caller knows beforehand what [Session.generate] would refuse. The model
     * keeps those used last, so the work is done once.
     *
     * @throws MmoeException as [Session.setGrammar].
     */
    public fun checkGrammar(jsonSchema: String? = null, grammar: String? = null) {
        require(jsonSchema != null || grammar != null) { "give jsonSchema or grammar" }
        val checked = Grammar.of(jsonSchema, grammar)
        Native.modelCheckGrammar(handle, checked.kind, checked.text)
    }

    /**
     * Does beforehand what makes a first answer slow: reads the weights into memory and runs the program once. The weights
     * stay for as long as the system has memory for them; on a device with less memory than the program this drives other
     * pages out. It blocks.
     */
    public fun warmUp(onProgress: OnProgress? = null): Unit = Native.modelWarmUp(handle, onProgress)

    /** What a session will take with [tokens] in its context; null for a full one. */
    public fun sessionMemory(tokens: Int? = null): SessionMemory =
        Native.modelSessionMemory(handle, tokens?.toLong() ?: -1).let { SessionMemory(it[0], it[1], it[2]) }

    /** A new, empty context; it chooses tokens as the artifact recommends unless it is told otherwise. */
    public fun newSession(sampling: Sampling = this.sampling): Session {
        val session = Session(this, Native.sessionOpen(handle))
        try {
            session.setSampling(sampling)
        } catch (error: MmoeException) {
            session.close()
            throw error
        }
        return session
    }

    /** Closes the model and its sessions; calls that run in them fail with [MmoeException.Closed]. */
    override fun close() {
        Native.modelClose(handle)
    }

    public companion object {
        /**
         * Opens a folder that `mmoe-export convert` wrote. It blocks for as long as loading takes.
         *
         * @param threads of the process's pool, which all models share; 0 leaves it as it is, and the first model makes it
         *     as large as the machine has performance cores, if its cores differ and it tells how.
         * @param verifyChecksums reads every file and compares it with the manifest first.
         * @param onProgress is told how far opening is.
         */
        public fun open(
            folder: File,
            threads: Int = 0,
            verifyChecksums: Boolean = false,
            onProgress: OnProgress? = null,
        ): Model {
            val handle = Native.modelOpen(folder.path.encodeToByteArray(), threads, verifyChecksums, onProgress)
            return try {
                Model(handle)
            } catch (error: MmoeException) {
                Native.modelClose(handle)
                throw error
            }
        }

        /** The library's version, such as `0.1.0`. */
        public val libraryVersion: String get() = Native.version().decodeToString()
    }
}
