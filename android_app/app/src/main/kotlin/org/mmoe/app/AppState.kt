package org.mmoe.app

import org.mmoe.Memory
import org.mmoe.ModelInfo
import org.mmoe.Stats
import org.mmoe.benchmark.BenchmarkReport

/** Everything the screens show. */
data class AppState(
    /** Names of the artifacts in the app's storage. */
    val artifacts: List<String> = emptyList(),
    val model: ModelState = ModelState.None,
    val work: Work = Work.Idle,
    /** Changes with each conversation, so that a screen knows one from another. */
    val conversation: Int = 0,
    val transcript: List<Turn> = emptyList(),
    /** Turns of the transcript that the model does not see any more, the oldest. */
    val leftOut: Int = 0,
    val settings: Settings = Settings(),
    val thermal: Thermal = Thermal.NONE,
    val benchmark: BenchmarkReport? = null,
    /** Why the last thing failed, or what the app did by itself. */
    val notice: Notice? = null,
) {
    val canStart: Boolean get() = work == Work.Idle
    val canRun: Boolean get() = canStart && model is ModelState.Open

    /** The last turn of the transcript that the model does not see any more; -1: it sees them all. */
    val lastLeftOut: Int
        get() = if (leftOut == 0) -1 else transcript.indices.filter { transcript[it].end.kept }.getOrElse(leftOut - 1) { transcript.lastIndex }
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

    data class Sustained(val seconds: Int) : Work

    data object Stopping : Work
}

/** A sentence for the user: one that came with an error, or one of res/values. */
sealed interface Notice {
    data class Said(val text: String) : Notice

    data class Known(val id: Int) : Notice
}

/** How an answer ended. Only a turn whose answer is [kept] is part of the conversation that the model sees. */
enum class TurnEnd(val kept: Boolean) {
    RUNNING(false),
    ENDED(true),
    LENGTH(true),
    CONTEXT_FULL(true),
    STOPPED(false),
}

/** A message and what the model made of it so far. */
data class Turn(
    val prompt: String,
    val answer: String = "",
    val end: TurnEnd = TurnEnd.RUNNING,
    val figures: Figures? = null,
)

/** @property experts how many experts of each layer answered, of how many; null if the program does not tell. */
data class Figures(val stats: Stats, val memory: Memory, val threads: Int, val thermal: Thermal, val experts: ExpertUse? = null)

/**
 * Which experts a turn was sent to.
 *
 * @property used experts that were chosen at least once, in each layer.
 * @property experts that a layer has.
 * @property busiestShare of a layer's choices, at most: those of its most chosen expert.
 */
data class ExpertUse(val used: List<Int>, val experts: Int, val busiestLayer: Int, val busiestExpert: Int, val busiestShare: Double) {
    companion object {
        /** @param counts how often each expert of each layer was chosen; null without a count. */
        fun of(counts: List<LongArray>): ExpertUse? {
            if (counts.isEmpty() || counts.any { it.sum() == 0L }) return null
            val shares = counts.map { layer -> layer.max().toDouble() / layer.sum() }
            val layer = shares.indices.maxBy { shares[it] }
            val expert = counts[layer].indices.maxBy { counts[layer][it] }
            return ExpertUse(counts.map { all -> all.count { it > 0 } }, counts[0].size, layer, expert, shares[layer])
        }
    }
}
