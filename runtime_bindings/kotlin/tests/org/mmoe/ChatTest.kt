package org.mmoe

import com.google.gson.JsonParser
import java.io.File
import kotlin.io.path.createTempDirectory
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotEquals
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking

/** A conversation keeps its cache from turn to turn and says what a new one over all its turns would say. */
class ChatTest {
    private fun withModel(test: suspend (Model) -> Unit) = runBlocking { Model.open(Reference.artifact).use { test(it) } }

    private suspend fun answerAfresh(model: Model, messages: List<Message>, tokens: Int): String =
        model.newSession().use { it.generate(model.chat(messages), tokens).toList().joinToString("") { piece -> piece.text } }

    @Test
    fun theTemplateIsTheArtifacts() = withModel { model ->
        val messages = listOf(Message(Role.SYSTEM, "Be brief."), Message(Role.USER, " Who <|eot|> \uD83D\uDE42? "))
        val text = model.detokenize(model.chat(messages), skipSpecial = false)
        assertEquals(
            "<|begin_of_text|><|header_start|>system<|header_end|>\n\nBe brief.<|eot|>" +
                "<|header_start|>user<|header_end|>\n\nWho <|eot|> \uD83D\uDE42?<|eot|><|header_start|>assistant<|header_end|>\n\n",
            text,
        )
        val eot = model.tokenize("<|eot|>", addBos = false, parseSpecial = true).single()
        assertEquals(2, model.chat(messages).count { it == eot }, "the user's own is plain text")
    }

    @Test
    fun aMessageMayHoldAnyCharacter() = withModel { model ->
        val content = "a\u0000\u001f\"\\\n\u2028\uD83D\uDE42b"
        val text = model.detokenize(model.chat(listOf(Message(Role.USER, content))), skipSpecial = false)
        assertTrue("\n\n$content<|eot|>" in text, text)
    }

    @Test
    fun toolsAreThoseOfTheConversation() {
        val conversation = File(System.getProperty("mmoe.scenarios"), "conversations/tools.json").readText()
        val tools = JsonParser.parseString(conversation).asJsonObject.getAsJsonArray("tools").map { it.toString() }
        val messages = listOf(Message(Role.SYSTEM, "Use tools."), Message(Role.USER, "Will it rain?"))
        Model.open(File(System.getProperty("mmoe.variants"), "qwen3")).use { model ->
            assertContentEquals(model.chatJson(conversation), model.chat(messages, tools))
            assertTrue(model.chat(messages).size < model.chat(messages, tools).size)
        }
    }

    @Test
    fun aSessionSamplesAsTheArtifactRecommends() = runBlocking {
        Model.open(File(System.getProperty("mmoe.variants"), "sampled")).use { model ->
            assertEquals(Sampling(0.75f, 40, topP = 0.875f, minP = 0.0625f, repetitionPenalty = 1.125f), model.sampling)
            suspend fun text(session: Session) = session.use { it.generate("In the", 16).toList().joinToString("") { piece -> piece.text } }
            assertEquals(text(model.newSession(model.sampling)), text(model.newSession()))
            assertNotEquals(text(model.newSession(Sampling.GREEDY)), text(model.newSession()))
        }
    }

    @Test
    fun threeTurnsSayWhatFreshOnesSay() = withModel { model ->
        Chat(model, system = "Answer.").use { chat ->
            var prefilled = 0L
            for (question in listOf("Who was the king?", "And his son?", "Where did they go up?")) {
                val before = chat.history
                val answer = chat.send(question, 24).toList().joinToString("") { it.text }
                assertEquals(answerAfresh(model, before + Message(Role.USER, question), 24), answer)
                assertEquals(before + Message(Role.USER, question) + Message(Role.ASSISTANT, answer), chat.history)
                prefilled += chat.stats.prefillTokens
            }
            val all = model.chat(chat.history.dropLast(1)).size
            assertTrue(prefilled <= all + 8, "the turns prefilled $prefilled tokens, the whole conversation has $all")
        }
    }

    @Test
    fun anAnswerThatIsCutShortIsForgotten() = withModel { model ->
        Chat(model).use { chat ->
            chat.send("Who was the king?", 8).toList()
            val before = chat.history
            chat.send("Tell me of the sea.", 100).take(6).toList()
            assertEquals(before, chat.history)
            val answer = chat.send("Go on.", 16).toList().joinToString("") { it.text }
            assertEquals(answerAfresh(model, before + Message(Role.USER, "Go on."), 16), answer)
        }
    }

    @Test
    fun aSecondTurnAtOnceIsRefusedAndNotRecorded() = withModel { model ->
        Chat(model).use { chat ->
            val expected = answerAfresh(model, listOf(Message(Role.USER, "Who was the king?")), 12)
            repeat(10) {
                chat.reset()
                val answer = StringBuilder()
                chat.send("Who was the king?", 12).collect { step ->
                    answer.append(step.text)
                    assertFailsWith<MmoeException.Busy> { chat.send("And the sea?", 2).toList() }
                    assertFailsWith<MmoeException.Busy> { chat.reset() }
                    assertFailsWith<MmoeException.Busy> { chat.restore(emptyList()) }
                }
                assertEquals(expected, answer.toString())
                assertEquals(listOf(Message(Role.USER, "Who was the king?"), Message(Role.ASSISTANT, expected)), chat.history)
            }
        }
    }

    @Test
    fun aTurnThatDoesNotFitIsTakenBack() = withModel { model ->
        Chat(model).use { chat ->
            chat.send("Who was the king?", 8).toList()
            val before = chat.history
            val tooLong = "and the sea ".repeat(model.info.maxContextLen)
            assertFailsWith<MmoeException.ContextFull> { chat.send(tooLong).toList() }
            assertEquals(before, chat.history)
            val answer = chat.send("And his son?", 8).toList().joinToString("") { it.text }
            assertEquals(answerAfresh(model, before + Message(Role.USER, "And his son?"), 8), answer)
        }
    }

    @Test
    fun anArtifactWithoutATemplateSaysSoAtOnce() = withModel { model ->
        val copy = createTempDirectory("artifact").toFile()
        try {
            Reference.artifact.copyRecursively(copy, overwrite = true)
            val manifest = File(copy, "mmoe.json")
            val parsed = JsonParser.parseString(manifest.readText()).asJsonObject
            parsed.getAsJsonObject("runtime").remove("chat")
            parsed.getAsJsonObject("files").remove("chat_template.jinja")
            manifest.writeText(parsed.toString())
            Model.open(copy).use { without -> assertFailsWith<MmoeException.Unsupported> { Chat(without) } }
        } finally {
            copy.deleteRecursively()
        }
        assertTrue(model.info.hasChat)
    }

    /** What an app does whose process ends: the turns are its own to keep, the snapshot saves reading them again. */
    @Test
    fun aConversationGoesOnFromItsSnapshot() = withModel { model ->
        val folder = createTempDirectory("snapshot").toFile()
        try {
            suspend fun Chat.answered(text: String) = send(text, maxNewTokens = 8).toList().joinToString("") { it.text }
            val file = File(folder, "saved")
            val (turns, expected, tokens) = Chat(model, system = "Be brief.").use { chat ->
                chat.answered("Who was the king?")
                chat.save(file)
                val turns = chat.turns
                Triple(turns, chat.answered("And his son?"), chat.stats.prefillTokens)
            }
            Chat(model).use { chat ->
                chat.restore(turns, file)
                assertEquals(expected, chat.answered("And his son?"))
                assertEquals(tokens, chat.stats.prefillTokens, "only the new turn is run")
                chat.reset()
                assertEquals(turns.take(1), chat.turns)
            }
            Chat(model).use { chat ->
                file.writeText("no snapshot")
                assertFailsWith<MmoeException.Corrupt> { chat.restore(turns, file) }
                assertEquals(emptyList(), chat.turns, "the conversation is what it was")
                chat.restore(turns)
                assertEquals(expected, chat.answered("And his son?"))
                assertTrue(chat.stats.prefillTokens > tokens, "all turns are run")
            }
        } finally {
            folder.deleteRecursively()
        }
    }

    /** Four of sixteen experts for each token, in each layer. */
    @Test
    fun expertsAreCounted() = withModel { model ->
        model.newSession().use { session ->
            session.prefill(model.tokenize("In the beginning"))
            assertEquals(emptyList(), session.expertCounts(), "not before it is asked for")
            session.countExperts()
            repeat(10) { session.decode(model.tokenize("a", addBos = false).first()) }
            val counts = session.expertCounts()
            assertEquals(List(model.info.layers) { 16 to 40L }, counts.map { it.size to it.sum() })
            session.countExperts(false)
            assertEquals(emptyList(), session.expertCounts())
        }
        Chat(model).use { chat ->
            chat.countExperts()
            chat.send("Hello", maxNewTokens = 4).toList()
            assertEquals(model.info.layers, chat.expertCounts().size)
            assertTrue(chat.expertCounts().all { it.sum() % 4 == 0L && it.sum() >= 4 * 4 - 4 })
        }
    }
}
