package org.mmoe

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.job
import kotlinx.coroutines.launch

/** Blocking calls of one coroutine into a session: cancelling the coroutine cancels the call that runs. */
internal class CancellableCalls(private val session: Long, private val job: Job) {
    private val lock = Any()
    private var inCall = false
    private var cancelSent = false

    /**
     * Runs [block].
     *
     * @throws MmoeException.Cancelled by [Session.cancel]; a cancelled coroutine throws its own exception.
     */
    fun <T> call(block: () -> T): T {
        synchronized(lock) { inCall = true }
        try {
            // After inCall is set: a cancellation from here on is seen by cancelRunning, an earlier one here.
            job.ensureActive()
            return block()
        } catch (cancelled: MmoeException.Cancelled) {
            job.ensureActive()
            // Closing a session ends its call as cancelled, too: this then throws Closed.
            Native.sessionClearCancel(session)
            throw cancelled
        } finally {
            synchronized(lock) {
                inCall = false
                // It may have reached the library just as its call returned, and would end somebody's next one.
                if (cancelSent) dropCancel()
            }
        }
    }

    fun cancelRunning(): Unit =
        synchronized(lock) {
            if (inCall) {
                Native.sessionCancel(session)
                cancelSent = true
            }
        }

    private fun dropCancel() {
        try {
            Native.sessionClearCancel(session)
        } catch (_: MmoeException.Closed) {
            // Then no call will meet it.
        }
    }
}

/** Gives [block] calls that end with the surrounding coroutine. */
internal suspend fun <T> cancellableCalls(session: Long, block: suspend (CancellableCalls) -> T): T = coroutineScope {
    val calls = CancellableCalls(session, coroutineContext.job)
    // Unconfined, so that it runs on the cancelling thread: this coroutine's own is inside the library.
    val watcher =
        launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) {
            try {
                awaitCancellation()
            } finally {
                calls.cancelRunning()
            }
        }
    try {
        block(calls)
    } finally {
        watcher.cancel()
    }
}
