package org.mmoe.app

import org.mmoe.Memory
import org.mmoe.ModelInfo
import org.mmoe.Stats

/** Everything the screens show. */
data class AppState(
    /** Names of the artifacts in the app's storage. */
    val artifacts: List<String> = emptyList(),
    val model: ModelState = ModelState.None,
    val work: Work = Work.Idle,
    val transcript: List<Turn> = emptyList(),
    /** Messages of the transcript that the model does not see any more. */
    val leftOut: Int = 0,
    val figures: Figures? = null,
    val benchmark: BenchmarkReport? = null,
    /** Why the last thing failed, or what the app did by itself. */
    val notice: String? = null,
) {
    val canStart: Boolean get() = work == Work.Idle
    val canRun: Boolean get() = canStart && model is ModelState.Open
}

sealed interface ModelState {
    data object None : ModelState

    data class Open(val name: String, val info: ModelInfo) : ModelState
}

/** The one thing that goes on; the next can start when it is over. */
sealed interface Work {
    data object Idle : Work

    data class Copying(val doneBytes: Long, val totalBytes: Long) : Work

    data class Opening(val name: String) : Work

    data object Prefill : Work

    data class Decode(val tokens: Int) : Work

    data class Benchmark(val done: Int, val total: Int) : Work

    data object Stopping : Work
}

/** A message and what the model made of it so far. */
data class Turn(val prompt: String, val answer: String = "")

data class Figures(val stats: Stats, val memory: Memory, val threads: Int)
