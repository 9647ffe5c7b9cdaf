package org.mmoe

import java.util.concurrent.Executors
import kotlin.concurrent.thread
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.asCoroutineDispatcher

/**
 * Where calls into the library block: threads of their own, as many as sessions run at once. On `Dispatchers.Default`,
 * which has a thread for each core, the prefills of a few sessions would hold up all else of an app.
 */
internal val COMPUTE: CoroutineDispatcher =
    Executors.newCachedThreadPool { work -> thread(start = false, isDaemon = true, name = "mmoe-compute", block = work::run) }
        .asCoroutineDispatcher()
