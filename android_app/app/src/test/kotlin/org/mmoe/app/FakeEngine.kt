package org.mmoe.app

import java.io.File
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import org.mmoe.FinishReason
import org.mmoe.Memory
import org.mmoe.Message
import org.mmoe.MmoeException
import org.mmoe.ModelInfo
import org.mmoe.Role
import org.mmoe.Stats
import org.mmoe.Step

/** A scripted engine: answers come step by step as the test lets them, and it counts what is open. */
class FakeEngine(private val contextLen: Int = 8192) : Engine {
    /** What the model says; the test sends it. */
    val steps = Channel<Step>(Channel.UNLIMITED)
    val openModels = AtomicInteger()
    val openConversations = AtomicInteger()
    val measured = mutableListOf<Pair<Int, Int>>()
    var failure: MmoeException? = null
    var leftOutEachTurn = 0

    /** What each conversation was made with: settings, texts of the turns, and what was in the snapshot. */
    val made = mutableListOf<Triple<Settings, List<String>, String?>>()
    val limits = mutableListOf<Int?>()

    /** Called at the beginning of each measurement. */
    var onMeasure: () -> Unit = {}

    override val version = "9.9.9"

    override fun open(folder: File, threads: Int): LoadedModel {
        failure?.let { throw it }
        openModels.incrementAndGet()
        return FakeModel(if (threads == 0) 4 else threads)
    }

    /** Of the files whose pages were dropped, and the loads since. */
    val loads = mutableListOf<String>()
    var dropsPages = true

    override fun dropFromPageCache(folder: File): Boolean {
        check(openModels.get() == 0) { "pages of an open model stay" }
        loads += "drop ${folder.name}"
        return dropsPages
    }

    override suspend fun loadMillis(folder: File, threads: Int): Double {
        loads += "load ${folder.name}"
        return 100.0 / loads.size
    }

    override fun memory() = Memory(1_000_000, 2_000_000, 3_000_000, 4_000_000, 7_000_000)

    private inner class FakeModel(threads: Int) : LoadedModel {
        override val info = ModelInfo(2048, 128, contextLen, 5, 2039, threads, true, 700_000_000, 0.25)

        override suspend fun newConversation(settings: Settings, turns: List<Message>, snapshot: File?): Conversation {
            made += Triple(settings, turns.map { it.content }, snapshot?.takeIf { it.isFile }?.readText())
            openConversations.incrementAndGet()
            return FakeConversation(turns)
        }

        override fun tokenize(text: String) = IntArray(text.length) { text[it].code }

        override suspend fun measure(prompt: IntArray, decodeTokens: Int): Stats {
            onMeasure()
            currentCoroutineContext().ensureActive()
            measured += prompt.size to decodeTokens
            return Stats(0.25, prompt.size / 100.0, prompt.size.toLong(), prompt.size / 100.0, 128, 2.0, 1.9)
        }

        override suspend fun sustain(prompt: IntArray, seconds: Double, stepSeconds: Double, onPoint: (Double, Double) -> Unit) {
            var now = stepSeconds
            while (now <= seconds) {
                onPoint(now, 100 - now / 10)
                now += stepSeconds
            }
        }

        override fun close() {
            check(openConversations.get() == 0) { "a model must not be closed before its conversation" }
            openModels.decrementAndGet()
        }
    }

    private inner class FakeConversation(override var turns: List<Message>) : Conversation {
        private var count = 0L

        override val leftOut: Int get() = leftOutEachTurn

        override val expertCounts get() = listOf(longArrayOf(1, 3, 0, 0), longArrayOf(1, 1, 1, 1))

        override fun send(text: String, maxNewTokens: Int?): Flow<Step> = flow {
            failure?.let { throw it }
            limits += maxNewTokens
            val answer = StringBuilder()
            do {
                val step = steps.receive()
                if (step.finishReason == null) count++
                answer.append(step.text)
                if (step.finishReason != null && step.finishReason != FinishReason.CANCELLED) {
                    turns = turns + Message(Role.USER, text) + Message(Role.ASSISTANT, answer.toString())
                }
                emit(step)
            } while (step.finishReason == null)
        }

        override suspend fun save(snapshot: File) = snapshot.writeText(turns.joinToString("|") { it.content })

        override val stats get() = Stats(0.25, 0.5, 10, 0.5, count, count / 20.0, count / 21.0)

        override fun close() {
            openConversations.decrementAndGet()
        }
    }
}
