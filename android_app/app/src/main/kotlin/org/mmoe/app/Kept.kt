package org.mmoe.app

import java.io.File
import java.io.IOException
import java.util.Properties
import org.mmoe.Message
import org.mmoe.Role

/**
 * What outlives the process: the settings, and the conversation with what the model sees of it. A file that cannot be read
 * counts as none.
 */
class Kept(private val folder: File) {
    private val settingsFile = File(folder, "settings.properties")
    private val conversationFile = File(folder, "conversation.properties")

    /** Where the session's cache is saved, so that the conversation need not be read again. */
    val snapshot = File(folder, "conversation.snapshot")

    fun settings(): Settings {
        val kept = read(settingsFile)
        return Settings.of(Settings.Field.entries.associateWith { kept.getProperty(it.key, "") }).settings
    }

    fun keep(settings: Settings) =
        write(settingsFile, Settings.Field.entries.associate { it.key to settings.text(it) })

    /** @property turns what the model sees, which a full context makes fewer than those of the [transcript]. */
    data class Conversation(
        val artifact: String,
        val threads: Int,
        val transcript: List<Turn>,
        val leftOut: Int,
        val turns: List<Message>,
    )

    /** An answer that was running when the process ended is stopped. */
    fun conversation(): Conversation? {
        val kept = read(conversationFile)
        fun number(key: String) = kept.getProperty(key)?.toIntOrNull() ?: 0
        fun text(key: String) = kept.getProperty(key, "")
        val artifact = kept.getProperty("artifact") ?: return null
        val transcript = List(number("transcript")) { index ->
            val end = TurnEnd.entries.firstOrNull { it.name == text("$index.end") && it != TurnEnd.RUNNING }
            Turn(text("$index.prompt"), text("$index.answer"), end ?: TurnEnd.STOPPED)
        }
        val turns = List(number("turns")) { index ->
            val role = Role.entries.firstOrNull { it.name == text("turn.$index.role") } ?: return null
            Message(role, text("turn.$index.content"))
        }
        return Conversation(artifact, number("threads"), transcript, number("left_out"), turns)
    }

    fun keep(conversation: Conversation) = with(conversation) {
        val values = mutableMapOf(
            "artifact" to artifact,
            "threads" to "$threads",
            "left_out" to "$leftOut",
            "transcript" to "${transcript.size}",
            "turns" to "${turns.size}",
        )
        transcript.forEachIndexed { index, turn ->
            values += mapOf("$index.prompt" to turn.prompt, "$index.answer" to turn.answer, "$index.end" to turn.end.name)
        }
        turns.forEachIndexed { index, turn ->
            values += mapOf("turn.$index.role" to turn.role.name, "turn.$index.content" to turn.content)
        }
        write(conversationFile, values)
    }

    fun forgetConversation() {
        conversationFile.delete()
        forgetSnapshot()
    }

    fun forgetSnapshot() {
        snapshot.delete()
    }

    private fun read(file: File) = Properties().apply {
        try {
            if (file.isFile) file.inputStream().use(::load)
        } catch (_: IOException) {
            clear()
        } catch (_: IllegalArgumentException) {
            clear()
        }
    }

    /** Into a file of its own first: a process may end at any moment. Without room for it, what was kept stays. */
    private fun write(file: File, values: Map<String, String>) {
        val partial = File(folder, "${file.name}.partial")
        try {
            folder.mkdirs()
            partial.outputStream().use { Properties().apply { putAll(values) }.store(it, null) }
            partial.renameTo(file)
        } catch (_: IOException) {
            partial.delete()
        }
    }
}
