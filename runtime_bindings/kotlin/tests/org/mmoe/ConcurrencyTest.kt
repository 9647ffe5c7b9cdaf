package org.mmoe

import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotEquals
import kotlin.test.assertTrue
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout

/** Cancelling, closing and several threads. */
class ConcurrencyTest {
    private val prompt = Reference.cases.first().prompt
    private val ids = Model.open(Reference.artifact).use { it.tokenize(prompt) }

    private fun withSession(test: suspend (Session) -> Unit) = runBlocking(Dispatchers.IO) {
        Model.open(Reference.artifact).use { model -> model.newSession().use { test(it) } }
    }

    private suspend fun text(session: Session, tokens: Int = 16) =
        session.generate(ids, tokens).toList().joinToString("") { it.text }

    @Test
    fun cancellationEndsDecodeWithinOneToken() = withSession { session ->
        for (after in 1..20) {
            session.reset()
            var received = 0
            coroutineScope {
                val job = launch(Dispatchers.IO) {
                    session.generate(ids, 100).collect {
                        if (++received == after) coroutineContext.job.cancel()
                    }
                }
                job.join()
                assertTrue(job.isCancelled)
            }
            assertEquals(after, received)
            // The collected tokens but the last are in the context, and at most the one that was running then.
            assertTrue(session.position in ids.size + after - 1L..ids.size + after + 0L, "$after: ${session.position - ids.size}")
        }
    }

    @Test
    fun aFlowThatIsNotReadToItsEndStopsToo() = withSession { session ->
        assertEquals(5, session.generate(ids, 100).take(5).toList().size)
        assertTrue(session.position <= ids.size + 5)
        session.reset()
        assertEquals(withFreshModel(), text(session))
    }

    @Test
    fun prefillIsCancelledBetweenChunksAndCanGoOn() = withSession { session ->
        val info = session.model.info
        assertTrue(info.maxContextLen >= 8 * info.maxSeqLen, "an artifact with short chunks is needed: $info")
        val long = IntArray(info.maxContextLen) { ids[it % ids.size] }
        // Ten are stopped inside, each later than the last. A machine that does other work may be too late with a cancel, and
        // then it is tried again; a prefill that hears none never is stopped.
        val end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60)
        var stoppedInside = 0
        while (stoppedInside < 10) {
            assertTrue(System.nanoTime() < end, "prefill goes on when it is cancelled: only $stoppedInside were stopped in 60 s")
            session.reset()
            coroutineScope {
                val running = launch { prefillBetweenLooks(session, long) }
                // Who is refused knows that the library is at work.
                var refused = 0
                while (running.isActive && refused <= stoppedInside) if (isBusy(session)) refused++
                running.cancelAndJoin()
            }
            val done = session.position.toInt()
            assertEquals(0, done % info.maxSeqLen, "whole chunks")
            if (done in 1 until long.size) stoppedInside++
            if (done < long.size) session.prefill(long.copyOfRange(done, long.size))
            assertEquals(long.size.toLong(), session.position)
        }
    }

    private fun isBusy(session: Session): Boolean = runCatching { session.position }.exceptionOrNull() is MmoeException.Busy

    /** To look at a session is a call, too, and of two it may be the prefill that is refused: then it comes again. */
    private suspend fun prefillBetweenLooks(session: Session, ids: IntArray) {
        while (true) {
            try {
                return session.prefill(ids)
            } catch (_: MmoeException.Busy) {
                continue
            }
        }
    }

    /** An app's other work goes on while more sessions compute than there are threads for it. */
    @Test
    fun computingLeavesTheDefaultDispatcherFree() = runBlocking(Dispatchers.Default) {
        Model.open(Reference.artifact).use { model ->
            val sessions = List(2 * maxOf(2, Runtime.getRuntime().availableProcessors())) { model.newSession() }
            val inside = CountDownLatch(sessions.size)
            val othersAreDone = CountDownLatch(1)
            val running = sessions.map { session ->
                async {
                    session.computing {
                        inside.countDown()
                        othersAreDone.await()
                    }
                }
            }
            try {
                assertTrue(inside.await(60, TimeUnit.SECONDS), "${inside.count} wait for a thread of the dispatcher")
                val others = List(100) { async { it } }
                assertEquals(List(100) { it }, withTimeout(60_000) { others.awaitAll() })
            } finally {
                othersAreDone.countDown()
            }
            running.awaitAll()
            sessions.forEach { it.close() }
        }
    }

    @Test
    fun aSessionThatNobodyClosesIsFreed() = runBlocking(Dispatchers.IO) {
        Model.open(Reference.artifact).use { model ->
            val long = IntArray(model.info.maxContextLen) { ids[it % ids.size] }
            suspend fun leave(count: Int) = repeat(count) { model.newSession().prefill(long) }
            leave(4)
            System.gc()
            val before = Memory.now().anonymousBytes
            repeat(10) {
                leave(20)
                System.gc()
                delay(20)
            }
            // 200 contexts of the smallest model are 200 x 0.4 MB.
            assertTrue(Memory.now().anonymousBytes < before + 40_000_000, "the contexts of 200 sessions stayed")
        }
    }

    /** A cancel that comes as its call returns must not end the next one. */
    @Test
    fun cancelsAtEveryMomentLeaveTheSessionUsable() = withSession { session ->
        val expected = withFreshModel()
        for (attempt in 0 until 100) {
            session.reset()
            coroutineScope {
                val job = launch(Dispatchers.IO) { session.generate(ids, 50).collect() }
                if (attempt % 2 == 1) delay((attempt / 10).toLong())
                job.cancel()
                job.join()
            }
            session.truncate(0)
            assertEquals(expected, text(session), "attempt $attempt")
        }
    }

    @Test
    fun closingEndsARunningDecode() {
        for (attempt in 0 until 20) {
            runBlocking(Dispatchers.IO) {
                Model.open(Reference.artifact).use { model ->
                    val session = model.newSession()
                    val running = async { runCatching { session.generate(ids, 400).collect() } }
                    delay(attempt.toLong())
                    if (attempt % 2 == 0) session.close() else model.close()
                    val failure = running.await().exceptionOrNull()
                    assertTrue(failure is MmoeException.Closed, "$failure")
                }
            }
        }
    }

    @Test
    fun aSecondCallAtOnceIsRefused() = withSession { session ->
        val long = IntArray(session.model.info.maxContextLen) { ids[it % ids.size] }
        var refused = false
        while (!refused) {
            session.reset()
            coroutineScope {
                val running = launch { prefillBetweenLooks(session, long) }
                while (running.isActive) refused = refused || isBusy(session)
            }
            assertEquals(long.size.toLong(), session.position, "the first call is not disturbed")
        }
    }

    @Test
    fun sessionsOfOneModelRunSideBySide() = runBlocking(Dispatchers.IO) {
        val expected = withFreshModel()
        Model.open(Reference.artifact).use { model ->
            val texts = List(4) { async { model.newSession().use { text(it) } } }.awaitAll()
            assertEquals(List(4) { expected }, texts)
        }
    }

    @Test
    fun twoModelsRunSideBySide() = runBlocking(Dispatchers.IO) {
        val expected = withFreshModel()
        assertEquals(List(2) { expected }, List(2) { async { withFreshModel() } }.awaitAll())
    }

    @Test
    fun manyOpenedAndClosedHandlesAreAllDifferent() = runBlocking {
        Model.open(Reference.artifact).use { model ->
            val handles = List(200) { Native.sessionOpen(handleOf(model)).also(Native::sessionClose) }
            assertEquals(200, handles.toSet().size)
            assertNotEquals(0, handles.min())
            assertFailsWith<MmoeException.Closed> { Native.sessionPosition(handles.first()) }
        }
        Unit
    }

    private fun handleOf(model: Model): Long =
        Model::class.java.getDeclaredField("handle").apply { isAccessible = true }.getLong(model)

    private suspend fun withFreshModel(): String =
        Model.open(Reference.artifact).use { model -> model.newSession().use { text(it) } }
}
