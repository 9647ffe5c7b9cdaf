package org.mmoe.app

import java.io.File
import kotlin.io.path.createTempDirectory
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertEquals
import org.mmoe.Message
import org.mmoe.Role
import org.mmoe.Sampling

/** What somebody types into the sheet, and what is kept of it and of a conversation. */
class SettingsTest {
    private val folder: File = createTempDirectory("kept").toFile()
    private val recommended = Sampling(temperature = 0.7f, topK = 40, topP = 0.9f, minP = 0.05f, repetitionPenalty = 1.1f)

    @AfterTest
    fun remove() {
        folder.deleteRecursively()
    }

    private fun typed(vararg texts: Pair<Settings.Field, String>) = Settings.of(mapOf(*texts))

    @Test
    fun whatIsEmptyIsAsRecommended() {
        assertEquals(recommended, typed().settings.sampling(recommended))
        val some = typed(Settings.Field.TEMPERATURE to " 0 ", Settings.Field.SEED to "-3")
        assertEquals(recommended.copy(temperature = 0f, seed = -3), some.settings.sampling(recommended))
        val all = typed(Settings.Field.TOP_P to "0.5", Settings.Field.TOP_K to "0", Settings.Field.MAX_TOKENS to "9", Settings.Field.SYSTEM to "Be kind.")
        assertEquals(recommended.copy(topP = 0.5f, topK = 0), all.settings.sampling(recommended))
        assertEquals(9, all.settings.maxNewTokens)
        assertEquals("Be kind.", all.settings.system)
    }

    @Test
    fun whatIsImpossibleIsNamedAndCountsAsEmpty() {
        for ((field, texts) in mapOf(
            Settings.Field.TEMPERATURE to listOf("-1", "11", "hot", "NaN", "Infinity"),
            Settings.Field.TOP_P to listOf("0", "1.5", "x"),
            Settings.Field.TOP_K to listOf("-1", "1.5", "99999999999"),
            Settings.Field.SEED to listOf("1.5", "99999999999999999999"),
            Settings.Field.MAX_TOKENS to listOf("0", "-4"),
        )) for (text in texts) assertEquals(Settings.Typed(Settings(), listOf(field)), typed(field to text), "$field $text")
    }

    @Test
    fun settingsAreKept() {
        val kept = Kept(folder)
        assertEquals(Settings(), kept.settings())
        val settings = Settings("Sei knapp:\n\u00fc \uD83D\uDE42 = #", 0.25f, 0.5f, 3, -1, 100)
        kept.keep(settings)
        assertEquals(settings, Kept(folder).settings())
        File(folder, "settings.properties").writeText("temperature=\\u00")
        assertEquals(Settings(), Kept(folder).settings(), "a file that is no such file counts as none")
    }

    @Test
    fun conversationsAreKept() {
        val kept = Kept(folder)
        assertEquals(null, kept.conversation())
        val conversation = Kept.Conversation(
            "S", 2, listOf(Turn("a\n=b", "c\\\u0000\uD83D\uDE42", TurnEnd.CONTEXT_FULL), Turn("d", "e", TurnEnd.RUNNING)), 1,
            listOf(Message(Role.USER, "a\n=b"), Message(Role.ASSISTANT, "c")),
        )
        kept.keep(conversation)
        val read = Kept(folder).conversation()
        assertEquals(TurnEnd.STOPPED, read?.transcript?.last()?.end, "what ran when the process ended was stopped")
        assertEquals(conversation.copy(transcript = listOf(conversation.transcript[0], Turn("d", "e", TurnEnd.STOPPED))), read)
        kept.forgetConversation()
        assertEquals(null, kept.conversation())
    }

    @Test
    fun aReaderIsFollowedOnlyAtTheEnd() {
        val following = Following(slop = 48)
        following.scrolled(offset = 0, viewport = 800, content = 500)
        assertEquals(true, following.following)
        following.scrolled(offset = 600, viewport = 800, content = 2000)
        assertEquals(false, following.following, "reading what was before")
        following.scrolled(offset = 1160, viewport = 800, content = 2000)
        assertEquals(true, following.following, "close enough")
        following.scrolled(offset = 0, viewport = 800, content = 2000)
        following.toEnd()
        assertEquals(true, following.following)
    }
}
