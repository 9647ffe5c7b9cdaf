package org.mmoe

import java.lang.ref.PhantomReference
import java.lang.ref.ReferenceQueue
import java.util.concurrent.ConcurrentHashMap
import kotlin.concurrent.thread

/**
 * Frees what its owner has not closed, once nobody can reach the owner: a context's caches are memory of which the
 * garbage collector knows nothing. (`java.lang.ref.Cleaner` came to Android with API 33.)
 */
internal object Abandoned {
    private val queue = ReferenceQueue<Any>()
    private val watched = ConcurrentHashMap.newKeySet<Watch>()

    init {
        thread(isDaemon = true, name = "mmoe-abandoned") { while (true) (queue.remove() as Watch).free() }
    }

    /** [release] must not reach [owner], or it would never be called. */
    fun watch(owner: Any, release: () -> Unit): Watch = Watch(owner, release).also { watched += it }

    internal class Watch(owner: Any, private val release: () -> Unit) : PhantomReference<Any>(owner, queue) {
        /** Once: by the owner that closes, or by the thread that finds it gone. */
        fun free() {
            if (watched.remove(this)) release()
        }
    }
}
