package org.mmoe.app

import java.io.File
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import org.mmoe.benchmark.ArtifactIdentity
import org.mmoe.benchmark.BenchmarkReport
import org.mmoe.benchmark.Loads
import org.mmoe.benchmark.PlannedPrompt
import org.mmoe.benchmark.PromptKind
import org.mmoe.benchmark.PromptRounds
import org.mmoe.benchmark.Protocol
import org.mmoe.benchmark.SustainedPoint

/** The protocol on an artifact: loads, every prompt that fits, and, if it is asked for, decoding without rest. */
class BenchmarkRun(
    private val engine: Engine,
    private val phone: Phone,
    private val folder: File,
    private val threads: Int,
    private val text: () -> String,
    private val onWork: (Work) -> Unit,
    private val onReport: (BenchmarkReport) -> Unit,
) {
    private val before = phone.conditions()

    /** While no model of the artifact is open: the cold one needs its file out of memory. */
    suspend fun loads(): Loads {
        val cold = if (engine.dropFromPageCache(folder)) engine.loadMillis(folder, threads) else null
        return Loads(cold, engine.loadMillis(folder, threads))
    }

    /** Rows are reported as they are done. */
    suspend fun run(model: LoadedModel, loads: Loads, sustained: Boolean) {
        val ids = mapOf(
            PromptKind.TEXT to model.tokenize(text()),
            PromptKind.TEMPLATED to model.tokenize(Protocol.templatedText()),
        )
        fun promptOf(prompt: PlannedPrompt) = Protocol.prompt(ids.getValue(prompt.kind), prompt.tokens)
        val prompts = Protocol.prompts(model.info.maxContextLen)
        val total = prompts.size * Protocol.ROUNDS
        val rows = mutableListOf<PromptRounds>()
        for (prompt in prompts) {
            val rounds = List(Protocol.ROUNDS) { round ->
                onWork(Work.Benchmark(rows.size * Protocol.ROUNDS + round, total))
                model.measure(promptOf(prompt), Protocol.DECODE_TOKENS)
            }
            rows += PromptRounds(prompt, rounds)
            onReport(report(model, loads, rows.toList(), emptyList()))
        }
        if (!sustained || prompts.isEmpty()) return
        val points = mutableListOf<SustainedPoint>()
        val coroutine = currentCoroutineContext()
        onWork(Work.Sustained(0))
        model.sustain(promptOf(prompts.first()), Protocol.SUSTAINED_SECONDS, Protocol.SUSTAINED_STEP_SECONDS) { seconds, rate ->
            coroutine.ensureActive()
            points += SustainedPoint(seconds, rate, phone.thermal()?.state)
            onWork(Work.Sustained(seconds.toInt()))
            onReport(report(model, loads, rows.toList(), points.toList()))
        }
    }

    private fun report(model: LoadedModel, loads: Loads, rows: List<PromptRounds>, points: List<SustainedPoint>) =
        BenchmarkReport(
            version = engine.version,
            device = phone.device,
            artifact = ArtifactIdentity.of(folder),
            contextLen = model.info.maxContextLen,
            threads = model.info.threads,
            before = before,
            after = phone.conditions(),
            loads = loads,
            memory = engine.memory(),
            rows = rows,
            sustainedPrompt = rows.first().prompt.tokens,
            sustained = points,
        )
}
