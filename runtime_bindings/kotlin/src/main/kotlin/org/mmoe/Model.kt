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
            )
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
     * The ids of a conversation by the artifact's chat template, ready for prefill: they end with the header of the
     * assistant's turn.
     *
     * @throws MmoeException.Unsupported the artifact has no template of the family.
     * @throws MmoeException.InvalidArgument a message holds a NUL character.
     */
    public fun chat(messages: List<Message>): IntArray {
        // The interface's strings end at a NUL byte: what comes after it would be lost without a word.
        if (messages.any { '\u0000' in it.content }) {
            throw MmoeException.InvalidArgument("a message holds a NUL character; remove it")
        }
        val texts = messages.flatMap { listOf(it.role.id.encodeToByteArray(), it.content.encodeToByteArray()) }
        return Native.chat(handle, texts.toTypedArray())
    }

    /** A new, empty context. */
    public fun newSession(sampling: Sampling = Sampling.GREEDY): Session {
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
         * @param threads of the process's pool, which all models share; 0 leaves the choice to the runtime.
         * @param verifyChecksums reads every file and compares it with the manifest first.
         */
        public fun open(folder: File, threads: Int = 0, verifyChecksums: Boolean = false): Model {
            val handle = Native.modelOpen(folder.path.encodeToByteArray(), threads, verifyChecksums)
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
