package org.mmoe.app

import java.io.File
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import org.mmoe.Memory
import org.mmoe.MmoeException
import org.mmoe.ModelInfo
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

    /** Called at the beginning of each measurement. */
    var onMeasure: () -> Unit = {}

    override val version = "9.9.9"

    override fun open(folder: File, threads: Int): LoadedModel {
        failure?.let { throw it }
        openModels.incrementAndGet()
        return FakeModel(if (threads == 0) 4 else threads)
    }

    override fun memory() = Memory(1_000_000, 2_000_000, 3_000_000, 4_000_000, 7_000_000)

    private inner class FakeModel(threads: Int) : LoadedModel {
        override val info = ModelInfo(2048, 128, contextLen, 5, 2039, threads, true, 700_000_000, 0.25)

        override fun newConversation(): Conversation = FakeConversation().also { openConversations.incrementAndGet() }

        override fun tokenize(text: String) = IntArray(text.length) { text[it].code }

        override suspend fun measure(prompt: IntArray, decodeTokens: Int): Stats {
            onMeasure()
            currentCoroutineContext().ensureActive()
            measured += prompt.size to decodeTokens
            return Stats(0.25, prompt.size / 100.0, prompt.size.toLong(), prompt.size / 100.0, 128, 2.0, 1.9)
        }

        override fun close() {
            check(openConversations.get() == 0) { "a model must not be closed before its conversation" }
            openModels.decrementAndGet()
        }
    }

    private inner class FakeConversation : Conversation {
        private var count = 0L

        override val leftOut: Int get() = leftOutEachTurn

        override fun send(text: String): Flow<Step> = flow {
            failure?.let { throw it }
            do {
                val step = steps.receive()
                if (step.finishReason == null) count++
                emit(step)
            } while (step.finishReason == null)
        }

        override val stats get() = Stats(0.25, 0.5, 10, 0.5, count, count / 20.0, count / 21.0)

        override fun close() {
            openConversations.decrementAndGet()
        }
    }
}
